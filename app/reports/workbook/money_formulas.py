"""The month's formula in the words of a spreadsheet: the same as `app/costs/month_model.py`, by names of cells."""

from dataclasses import dataclass

UNKNOWN = '"unknown"'
NEVER = '"never"'
# A volume on the edge of a step belongs to it, also after rounding.
EDGE = "(1+1E-9)"
MILLION = "1000000"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one candidate's cells; those of the first have no ending.

    `has_steps`: it was measured what replicas carry.
    """

    ending: str
    has_steps: bool
    is_paid_by_token: bool

    def __getitem__(self, name: str) -> str:
        return f"{name}{self.ending}"

    def fill(self, template: str) -> str:
        """A formula whose names stand in braces."""
        out, rest = "", template
        while "{" in rest:
            before, _, rest = rest.partition("{")
            name, _, rest = rest.partition("}")
            out += before + self[name]
        return out + rest


def known(parts: str, formula: str) -> str:
    """The formula, or the word where one of the cells is the word."""
    return f'IF(COUNTIF({parts},"unknown")>0,{UNKNOWN},{formula})'


def replicas(names: Names, requests: str) -> str:
    """How many are rented for a number of requests a month, spare ones among them."""
    if names.is_paid_by_token:
        return "0"
    if not names.has_steps:
        return names["least_replicas"]
    load = f"({requests}/{names['carrying']})"
    return names.fill(
        f"MAX({{least_replicas}},IF({load}<=MAX({{step_requests}})*{EDGE},"
        f"INDEX({{step_replicas}},MIN(ROWS({{step_replicas}}),1+SUMPRODUCT(--({{step_requests}}*{EDGE}<{load})))),"
        f"MAX({{step_replicas}})+ROUNDUP(({load}-MAX({{step_requests}})*{EDGE})/{{further_requests}},0)))"
    )


def fixed(names: Names, hours: str = "1", engineer: str = "1") -> str:
    """What leaving costs whatever the volume: hours that come back, upgrades, the part of what comes once, other cost."""
    return names.fill(
        f"(({{upkeep_hours}}*{hours}+{{upgrade_hours}}+{{one_off_hours}}/{{horizon_months}})*{{engineer_usd}}*{engineer}+{{other_usd}})"
    )


def leaving(names: Names, requests: str, count: str, *, gpu: str = "1", hours: str = "1", engineer: str = "1") -> str:
    """What leaving costs a month at a number of requests with so many replicas."""
    if names.is_paid_by_token:
        return f"{fixed(names, hours, engineer)}+{requests}*{names['candidate_usd_per_request']}"
    return f"{fixed(names, hours, engineer)}+{count}*{names['replica_usd']}*{gpu}"


def staying(names: Names, requests: str, price: str = "1") -> str:
    """What staying costs a month at a number of requests."""
    return f"{requests}*{names['incumbent_usd_per_request']}*{price}"


def if_known(names: Names, formula: str) -> str:
    """Nothing is said where the saving is not known."""
    return f"IF(ISTEXT({names['saving_usd']}),{UNKNOWN},{formula})"


def gain(names: Names) -> str:
    """What a request saves before rent and hours."""
    if names.is_paid_by_token:
        return names.fill("({incumbent_usd_per_request}-{candidate_usd_per_request})")
    return names["incumbent_usd_per_request"]


def pays_from(names: Names, count: str) -> str:
    """From how many requests on leaving pays with so many replicas."""
    rent = "" if names.is_paid_by_token else f"+{count}*{names['replica_usd']}"
    return if_known(names, f"IF({gain(names)}>0,({fixed(names)}{rent})/{gain(names)},{NEVER})")


def beyond(names: Names, most_requests: str, most_replicas: str) -> str:
    """The answer on a step beyond the known ones, each a replica more (`app/costs/break_even.py`)."""
    rise = names.fill(f"({gain(names)}*{{further_requests}}*{{carrying}}-{{replica_usd}})")
    lack = names.fill(f"({fixed(names)}+{most_replicas}*{{replica_usd}}-{gain(names)}*{most_requests})")
    step = f"MAX(1,ROUNDUP({lack}/{rise}-1E-9,0))"
    requests = f"({fixed(names)}+({most_replicas}+{step})*{names['replica_usd']})/{gain(names)}"
    return f"IF({rise}>0,IF({step}<=4096,{requests},{NEVER}),{NEVER})"
