"""Imported last by the fork server: what it has loaded is never looked at again by the garbage collector.

A collection in a job process would write to every object there is, and the process would own a copy of its page.
Then the process is forked that judges for all calls, which is why it comes so late.
"""

import gc

from bot import preload
from bot.thrift import fill_holes, give_back

gc.collect()
give_back()
fill_holes()
gc.freeze()
if preload.JUDGE is not None:
    preload.JUDGE.start()
