"""The metrics in Prometheus' text format, written in small steps between the runtime's events."""

import asyncio
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from weka_cpuset.fresh import Fresh
from weka_cpuset.latency import Latency
from weka_cpuset.metrics.table import BUCKETS, Kind
from weka_cpuset.metrics.values import Sample, Sources, Values, label_names, values_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of the text, which every Prometheus reads."""

FRESH_S = 0.2
"""A text is given out again for so many seconds, so that the cost is bounded."""


class Exposition(Collector):
    """Writes the metrics of an agent, from a registry of its own.

    Args:
        sources: Where the values come from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._fresh = Fresh(self._write, FRESH_S)

    def collect(self) -> Iterator[Family]:
        """Yield all metrics of ours with their values."""
        for metric, samples in values_of(self._sources):
            yield family_of((metric, samples))

    async def text(self) -> bytes:
        """Return all metrics, those of the process included, as text."""
        return await self._fresh.get()

    async def _write(self) -> bytes:
        parts = []
        for family in self._registry.collect():
            parts.append(generate_latest(_Alone(family)))
            await asyncio.sleep(0)  # a turn for the runtime's events
        return b"".join(parts)


class _Alone(CollectorRegistry):
    """A registry of one family, as the library writes registries."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self._family = family

    def collect(self) -> Iterable[Family]:
        return (self._family,)


def family_of(values: Values) -> Family:
    """Return a metric with its values as the library has it."""
    metric, samples = values
    names = label_names(metric.labels)
    match metric.kind:
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=names)
            for labels, value in samples:
                if isinstance(value, Latency):
                    histogram.add_metric(labels, _buckets(value), value.sum_s)
            return histogram
        case Kind.COUNTER:
            return _plain(CounterMetricFamily(metric.name, metric.help, labels=names), samples)
        case Kind.GAUGE:
            return _plain(GaugeMetricFamily(metric.name, metric.help, labels=names), samples)


def _plain(
    family: CounterMetricFamily | GaugeMetricFamily, samples: Iterable[Sample]
) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in samples:
        if not isinstance(value, Latency):
            family.add_metric(labels, float(value))
    return family


def _buckets(times: Latency) -> list[tuple[str, float]]:
    counts = times.by_doubling(BUCKETS[0], BUCKETS[-1])
    bounds = [repr((1 << exponent) / 1e9) for exponent in BUCKETS]
    return [*zip(bounds, map(float, counts), strict=True), ("+Inf", float(times.count))]
