"""The members' own metrics, from their AdminServers.

A locustfile says

    from zk_metrics import register_zk_metrics
    register_zk_metrics()

and `--zk-metrics-collect`, `--zk-metrics-csv` and `--zk-admin-addresses` set interval, file and members.
Where Locust has a web UI, its page `/zk-metrics` shows them.
"""


def register_zk_metrics(
    url_prefix: str = "/zk-metrics", web: bool | None = None, delay_ms: float | None = None
) -> None:
    """Poll the members' metrics as the parameters say. Safe to call again.

    `url_prefix` is the page's path. `web` and `delay_ms` (milliseconds) stand in for `--zk-metrics-collect`.
    """
    # The monitor loads Locust, which users of the columns do not need.
    from zk_metrics.registration import register

    register(url_prefix, web, delay_ms)


def register_zk_metrics_page(url_prefix: str = "/zk-metrics") -> None:
    """Do the same: if Locust has a web UI, polling adds the page."""
    register_zk_metrics(url_prefix)
