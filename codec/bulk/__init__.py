"""A whole corpus to tokens: shards that depend on the corpus and the settings alone, made by many processes.

    OUT/job.json                 the settings and the digest of the ids; what differs is refused
    OUT/shard-000000.tar         or .parquet: the tokens of `shard_items` items, in the order of their ids
    OUT/records/000000.json      written after its shard: digest, counts, and which items failed
    OUT/index.json               the records of all shards in one file, once the last one is there
    OUT/failures.jsonl           the items that could not be read, with the reason
    OUT/.lock                    held by the job that writes here

A shard is written under another name, synced, renamed, and only then recorded; a shard without a sound record
is made again, and comes out byte for byte the same. So any process may be killed at any time.
"""
