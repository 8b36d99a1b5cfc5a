"""The queues that background jobs leave by, and which worker reads which, in what order."""

# What a person or an alarm waits for, and takes moments; pairs of live traffic; what may take its time.
NOW, LIVE, BATCH = "pilot-now", "pilot-live", "pilot-batch"
# Where earlier versions sent everything: still read, so that nothing that was asked for is forgotten.
FORMER = "pilot"
# The first that has a message gives it.
LIVE_QUEUES, BATCH_QUEUES = (NOW, LIVE, FORMER), (BATCH,)
