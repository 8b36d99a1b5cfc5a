"""Loads an exported configuration into LiteLLM's own router and asks each model name once: prints who answered, as JSON."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import yaml


def answered_by(router: Any, name: str) -> str:
    reply = router.completion(model=name, messages=[{"role": "user", "content": "who?"}])
    return str(reply.choices[0].message.content)


document = yaml.safe_load(Path(sys.argv[1]).read_text())
router = importlib.import_module("litellm").Router(model_list=document["model_list"], **document["router_settings"])
names = [entry["model_name"] for entry in document["model_list"]]
sys.stdout.write(json.dumps({name: answered_by(router, name) for name in names}) + "\n")
