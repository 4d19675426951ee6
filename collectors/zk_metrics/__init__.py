"""The members' own metrics, from their AdminServers.

A locustfile says

    from zk_metrics import register_zk_metrics
    register_zk_metrics()

and `--zk-metrics-collect`, `--zk-metrics-csv` and `--zk-admin-addresses` say how often, where to and from whom.
Where Locust has a web UI, its page `/zk-metrics` shows them.
"""


def register_zk_metrics(
    url_prefix: str = "/zk-metrics", web: bool | None = None, delay_ms: float | None = None
) -> None:
    """Poll the members' metrics, as far as the parameters ask for it. Safe to call again.

    `url_prefix` is the page's path. `web` and `delay_ms` (milliseconds) say what `--zk-metrics-collect` otherwise does.
    """
    # Loading the monitor loads Locust, which whoever only wants the columns does not need.
    from zk_metrics.registration import register

    register(url_prefix, web, delay_ms)


def register_zk_metrics_page(url_prefix: str = "/zk-metrics") -> None:
    """Do the same: wherever Locust has a web UI, the page comes with the polls."""
    register_zk_metrics(url_prefix)
