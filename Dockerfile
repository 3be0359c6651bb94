# The agent's image. Build it from the root of the repository:
#
#     docker build --tag weka-nri-cpuset:0.1.0 .
#
# Both stages are of one pinned release; name its digest too where your registry has one:
# --build-arg PYTHON=python:3.11.14-slim-bookworm@sha256:...
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
# The time in all archives: the same sources give the same image.
ENV SOURCE_DATE_EPOCH=1735689600 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-deps --constraint constraints.txt --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/weka-cpuset \
    && pip --python /opt/weka-cpuset/bin/python install --no-compile \
        --only-binary :all: --constraint constraints.txt /wheels/*.whl \
    # Compiled once, without times: the root file system is read-only when it runs.
    && /opt/weka-cpuset/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/weka-cpuset

FROM ${PYTHON}
COPY --from=build /opt/weka-cpuset /opt/weka-cpuset
# Root's uid, for the runtime's socket and the cgroup files; the chart takes all capabilities away.
USER 0:0
ENTRYPOINT ["/opt/weka-cpuset/bin/weka-cpuset"]
CMD ["run"]
