"""What a locustfile prints at its end: how often it has counted each name."""

COUNTING = """
import json

import locust

counted = {}


def count(name):
    counted[name] = counted.get(name, 0) + 1


@locust.events.quitting.add_listener
def tell(**_):
    print("COUNTED " + json.dumps(counted), flush=True)

"""
