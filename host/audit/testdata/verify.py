#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verify a Bulkhead audit log: verify.py DIR. Ends with 0 intact, 2 damaged."""
import hashlib, json, os, re, sys

def verify(d):
    listed = os.listdir(d) if os.path.isdir(d) else []
    names = sorted((n for n in listed if re.fullmatch(r"audit-\d{6,9}\.jsonl", n)), key=lambda n: int(n[6:-6]))
    seq, prev, ends = 0, "sha256:" + "0" * 64, {0: ("sha256:" + "0" * 64, "audit-000001.jsonl", 0)}
    for i, name in enumerate(names):
        assert name == "audit-%06d.jsonl" % (i + 1), "a file is missing before " + name
        data = open(os.path.join(d, name), "rb").read()
        lines, size = data.split(b"\n"), 0
        last = i == len(names) - 1
        assert last or data, name + " is empty"
        assert not lines[-1] or last and len(lines[-1]) < 65536, name + " is torn"
        for line in lines[:-1]:
            body, seal = line[:-82] + b"}", line[-82:]
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            record = json.loads(line)
            assert len(line) < 65536 and seal == b',"hash":"%s"}' % digest.encode(), "%s: record %d is edited" % (name, seq + 1)
            assert record["v"] == 1 and record["seq"] == seq + 1 and record["prev"] == prev, "%s: record %d does not follow" % (name, seq + 1)
            assert record["kind"] != "damage", "%s: record %d tells of damage" % (name, seq + 1)
            seq, prev, size = seq + 1, digest, size + len(line) + 1
            ends[seq] = (prev, name, size)
    if names or os.path.exists(os.path.join(d, "head.json")):
        head = json.load(open(os.path.join(d, "head.json")))
        assert ends.get(head["seq"]) == (head["hash"], head["file"], head["size"]), "the log does not hold what head.json names"
    return seq, prev

try:
    print("intact, anchor %d:%s" % verify(sys.argv[1]))
except (AssertionError, ValueError, KeyError, TypeError, OSError) as e:
    print("damaged:", e)
    sys.exit(2)
