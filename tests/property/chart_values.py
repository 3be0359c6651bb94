"""Values of the chart, drawn from its schema."""

import json
from typing import Any

from hypothesis import strategies as st

from tools.generate_chart import SCHEMA

FOLDER = "/var/lib/weka-cpuset"
SOCKET = f"{FOLDER}/http.sock"

WHOLE = {
    "affinity": st.sampled_from(
        [
            {},
            {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "storage", "operator": "Exists"}]}
                        ]
                    }
                }
            },
        ]
    ),
    "tolerations": st.sampled_from(
        [
            [],
            [{"operator": "Exists"}],
            [{"key": "storage", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
        ]
    ),
    "networkPolicy.from": st.sampled_from(
        [[], [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]]
    ),
    "global": st.just({}),
    "settings.cpus.reserved": st.sampled_from(["", "0", "0-3,8", "17"]),
    "settings.http.listen": st.sampled_from(["", "0.0.0.0:17099", "[::]:80", SOCKET]),
}
"""Values of which the schema is Kubernetes' own, or says too little: some examples."""


def values() -> st.SearchStrategy[dict[str, Any]]:
    """Sets of values that the schema allows; each value may be left to its default."""
    return _of(json.loads(SCHEMA.read_text()), "").map(_with_folder).filter(_is_sensible)


def _with_folder(chosen: dict[str, Any]) -> dict[str, Any]:
    """The values, with all files that the agent writes in a folder that it can write."""
    settings = chosen.get("settings", {})
    for group in ("log", "record", "journal"):
        if settings.get(group, {}).get("file"):
            settings[group]["file"] = f"{FOLDER}/{group}"
    return chosen | {"dataFolder": FOLDER}


def _is_sensible(chosen: dict[str, Any]) -> bool:
    """Whether the values go together, which no schema can say."""
    settings = chosen.get("settings", {})
    nri = settings.get("nri", {})
    least, most = nri.get("reconnect_min_s", 0.1), nri.get("reconnect_max_s", 5.0)
    listen = settings.get("http", {}).get("listen", "0.0.0.0:17099")
    monitored = chosen.get("podMonitor", {}).get("enabled", False)
    account = chosen.get("serviceAccount", {})
    has_account = account.get("create", True) or account.get("name")
    tells = settings.get("kubernetes", {}).get("events", False)
    return (
        least <= most
        and not (monitored and listen in ("", SOCKET))
        and (has_account or not tells)
        and account.get("name") != "default"
    )


def _of(schema: dict[str, Any], path: str) -> st.SearchStrategy[Any]:
    if path in WHOLE:
        return WHOLE[path]
    if "anyOf" in schema:
        return st.one_of([_of(one, path) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return _object(schema, path)
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(_of(schema["items"], f"{path}[]"), min_size=least, max_size=2)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema["minimum"], schema.get("maximum", 1000))
        case "number":
            return st.floats(schema["minimum"], schema["maximum"])
        case _:
            return _text(schema)


def _object(schema: dict[str, Any], path: str) -> st.SearchStrategy[dict[str, Any]]:
    names = schema.get("properties")
    if names is None:
        keys = st.sampled_from(["example.org/team", "team", "tier"])
        return st.dictionaries(keys, _of(schema["additionalProperties"], path), max_size=2)
    fields = {name: _of(below, f"{path}.{name}" if path else name) for name, below in names.items()}
    # Helm fills in the chart's defaults, so nothing is required outside of lists.
    needed = schema.get("required", []) if path.endswith("[]") else []
    required = {name: fields.pop(name) for name in needed}
    return st.fixed_dictionaries(required, optional=fields)


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    alphabet = st.characters(codec="ascii", categories=["L", "N"])
    if "pattern" not in schema:
        return st.text(alphabet, min_size=schema.get("minLength", 0), max_size=20)
    drawn = st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=PRINTABLE)
    wrong = schema.get("not", {}).get("enum", [])
    return drawn.filter(
        lambda text: len(text) <= schema.get("maxLength", 200) and text not in wrong
    )


PRINTABLE = st.characters(codec="ascii", min_codepoint=33, max_codepoint=126)
