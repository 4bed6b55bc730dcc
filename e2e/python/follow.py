"""Follows channels with the official Python client, and prints what comes, a line of JSON each.

follow.py URL json|protobuf TOKEN CHANNEL...
"""

import asyncio
import json
import sys

from centrifuge import Client, SubscriptionEventHandler


def tell(channel: str, **what: object) -> None:
    print(json.dumps({"channel": channel, **what}), flush=True)


def plain(data: object) -> object:
    """In Protobuf a payload is bytes."""
    return json.loads(data) if isinstance(data, bytes) else data


class Told(SubscriptionEventHandler):
    def __init__(self, channel: str) -> None:
        self.channel = channel

    async def on_subscribed(self, ctx) -> None:
        position = ctx.stream_position
        tell(
            self.channel,
            subscribed={
                "wasRecovering": ctx.was_recovering,
                "recovered": ctx.recovered,
                "streamPosition": position and {"offset": position.offset, "epoch": position.epoch},
                "data": plain(ctx.data),
            },
        )

    async def on_publication(self, ctx) -> None:
        tell(self.channel, publication={"data": plain(ctx.pub.data), "offset": ctx.pub.offset})

    async def on_unsubscribed(self, ctx) -> None:
        tell(self.channel, unsubscribed={"code": ctx.code})


async def main() -> None:
    url, form, token, *channels = sys.argv[1:]
    client = Client(
        url,
        token=token,
        use_protobuf=form == "protobuf",
        min_reconnect_delay=0.01,
        max_reconnect_delay=0.1,
        proxy=None,
    )
    for channel in channels:
        subscription = client.new_subscription(channel, Told(channel), min_resubscribe_delay=0.01, max_resubscribe_delay=0.1)
        await subscription.subscribe()
    await client.connect()
    # Until whoever started this closes our input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await client.disconnect()


asyncio.run(main())
