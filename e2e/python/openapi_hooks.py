"""What schemathesis cannot know from the description alone: where two valid values do not go together, and whom there is."""

import datetime
import os

import schemathesis
from hypothesis import strategies as st

SCHEMES = st.sampled_from(["http", "https", "rtmp", "rtmps"])
HOSTS = st.from_regex(r"\A[a-z]{1,10}\Z")
PATHS = st.from_regex(r"\A[a-zA-Z0-9/._~-]{0,50}\Z")
schemathesis.openapi.format("uri", st.builds("{}://{}.example.org/{}".format, SCHEMES, HOSTS, PATHS))

# The log tells of times since 1970 that are over.
TIMES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2026, 1, 1))
schemathesis.openapi.format("date-time", TIMES.map(lambda time: f"{time.isoformat()}Z"))


def list_active_broadcasts(case):
    # A cursor is a place already.
    if "cursor" in case.query:
        case.query.pop("at", None)
        case.query.pop("offset", None)


def read_session_analytics(case):
    # A fine interval makes too many points of a long period.
    if case.query.get("interval") in ("10s", "1m"):
        case.query.pop("period", None)


def listen_live(case):
    # One stream recovers one session.
    channels = case.query["channels"]
    case.query["channels"] = channels.split(",")[0] if isinstance(channels, str) else channels[:1]


def ban(case):
    case.body["user"] = os.environ["SOMEBODY"]


TOGETHER = {rule.__name__: rule for rule in (list_active_broadcasts, read_session_analytics, listen_live, ban)}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # What is sent again under a key is answered as before, whatever else is asked: the tests of idempotency do that.
    for item in raw_schema["paths"].values():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            operation["parameters"] = [it for it in parameters if it["name"] != "Idempotency-Key"]


@schemathesis.hook
def before_call(context, case, kwargs):
    rule = TOGETHER.get(case.operation.definition.raw.get("operationId"))
    if rule and case.meta and case.meta.generation.mode.is_positive:
        rule(case)
