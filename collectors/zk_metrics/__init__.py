"""The members' own metrics, from their AdminServers.

A locustfile says

    from zk_metrics import register_zk_metrics
    register_zk_metrics()

and `--zk-metrics-collect`, `--zk-metrics-csv` and `--zk-admin-addresses` say how often, where to and from whom.
Where Locust has a web UI, its page `/zk-metrics` shows them.
"""


def register_zk_metrics() -> None:
    """Poll the members' metrics, as far as the parameters ask for it. Safe to call again."""
    # Loading the monitor loads Locust, which whoever only wants the columns does not need.
    from zk_metrics.monitor import register_zk_metrics as register

    register()


def register_zk_metrics_page(url_prefix: str = "/zk-metrics") -> None:
    """Do the same by a name of 2019. The page has its own address, `/zk-metrics`, whatever `url_prefix` says."""
    del url_prefix
    register_zk_metrics()
