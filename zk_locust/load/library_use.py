"""Locust as a library: a program that makes an environment may give it no options."""

from argparse import Namespace
from typing import Any

from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from zk_locust.contract.errors import ConfigurationError
from zk_locust.load.options import values_of_environment
from zk_locust.load.settings_check import refuse


def give_options(environment: Any, runner: Any, **_: Any) -> None:
    """Have the environment variables as options where there are none (a listener of `events.init`, the first one).

    Locust's own have their defaults: its page looks for them wherever there are options.
    """
    if environment.parsed_options is not None:
        return
    parser = get_empty_argument_parser(add_help=False)
    setup_parser_arguments(parser)  # never to parse with: that reads configuration files
    options = Namespace(**{action.dest: action.default for action in parser._actions})
    try:
        vars(options).update(values_of_environment())
    except ConfigurationError as error:
        refuse(error, runner)
    environment.parsed_options = options
