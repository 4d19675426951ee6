"""All ways to run locustfiles of 2019 and of the predecessor's last version, as their authors wrote them."""

from tests.integration.locust.older_counting import COUNTING
from tests.integration.locust.older_errors import AFTER_SUCCESS, VANISHING
from tests.integration.locust.older_names import ARGUMENTS, NAMES, WATCH
from tests.integration.locust.older_settings import BENCH, BY_ARGUMENTS, REGISTERED_FIRST, UNREGISTERED
from tests.integration.locust.older_users import CONTEXT, IN_INIT, NOT_ZOOKEEPER, ON_A_NEW_ROOT, TAGS
from tests.integration.locust.ways import HEADLESS, Way


def _named(kind: str, client: str) -> Way:
    text = NAMES.replace("KIND", kind).replace("HOSTS", '"{hosts}"', 1)
    return Way(
        text, (*HEADLESS, "--client", client), {"KAZOO_LOCUST_HOSTS": "{hosts}", "ZK_LOCUST_MIN_WAIT": "5"}, hosts=False
    )


def older_ways(kit: str) -> dict[str, Way]:
    """Return all ways by their names."""
    return {
        "vanishing": Way(VANISHING),
        "vanishing-suppressed": Way(VANISHING, (*HEADLESS, "--exception-behavior", "try-suppress")),
        "vanishing-raised": Way(VANISHING, (*HEADLESS, "--exception-behavior", "propagate")),
        "after-success": Way(AFTER_SUCCESS),
        "new-root": Way(ON_A_NEW_ROOT, (*HEADLESS, "--pseudo-root", "/new/of-the-flag")),
        "new-root-removed": Way(
            ON_A_NEW_ROOT, (*HEADLESS, "--pseudo-root", "/removed", "--remove-nodes", "OfTheFlag")
        ),
        "stats-by-arguments": Way(BY_ARGUMENTS),
        "arguments": Way(ARGUMENTS),
        "watch": Way(WATCH),
        "names-kazoo": _named("KazooLocustClient", "kazoo"),
        "names-native": _named("object", "native"),
        "names-libzookeeper": _named("ZKLocustClient", "libzookeeper"),
        "in-init": Way(IN_INIT, (*HEADLESS, "--users", "3")),
        "report-dir": Way(UNREGISTERED, (*HEADLESS, "--report-dir", "report")),
        "report-dir-imported-first": Way(REGISTERED_FIRST, (*HEADLESS, "--report-dir", "report")),
        "stats-csv": Way(UNREGISTERED, (*HEADLESS, "--stats-collect", "500", "--stats-csv", "stats.csv")),
        "bench-by-config": Way(
            BENCH, (*HEADLESS, "--config", "mine.conf"), files={"mine.conf": "bench-the-answer = 41\n"}
        ),
        "bench-by-locust-conf": Way(BENCH, files={"locust.conf": "bench-the-answer = 42\n"}),
        "bench-by-pyproject": Way(BENCH, files={"pyproject.toml": "[tool.locust]\nbench-the-answer = 43\n"}),
        "tags": Way(TAGS, (*HEADLESS, "--tags", "picked")),
        "context": Way(CONTEXT, files={"locustfile_counting.py": COUNTING}),
        "folder": Way(
            "", ("-f", kit, *HEADLESS, "--users", "26", "--bench-step-duration", "1", "--run-time", "6s"),
        ),
        "only-another": Way(NOT_ZOOKEEPER, (*HEADLESS, "Other"), hosts=False),
    }  # fmt: skip
