"""Words before a number that say whether it is a telephone's or something else's, in the languages of most prompts."""

import re

LOOK_BACK = 48
# What may stand between such a word and the number.
_BETWEEN = (
    r"(?:[\s\"'`()\[\]:\uff1a=#>|*_,-]|\b(?:numbers?|nummer|number|num|no|nr|n°|nº|is|was|are|ist|war|lautet|est|es|è|é|at|on|under|"
    r"unter|to|auf|me|us|him|her|them|it|now|please|bitte|al|au|le|el|o|or|and|und|home|work|direct)\b\.?|[是为為는은は])"
)
_PHONE = (
    r"(?<!micro)(?<!head)(?<!mega)(?<!xylo)(?<!\bi)(?<!smart)phone\w{0,12}|\bt[eé]l(?:[eé]f\w{0,9}|[eé]phon\w{0,3}|[eé])?(?![a-zé])|\btlf|"
    r"\bmobil\w{0,10}|\bmóvil|\bcell\w{0,10}|\bcelular\w{0,3}|\bhandy\w{0,9}|\bfax\w{0,7}|\bsms|\bwhatsapp|\bviber|\bcall\w{0,4}|"
    r"\bdial\w{0,4}|\bring|\btext(?:ed)?|\bhot-?line|\brufnummer|\bruf|\bdurchwahl|\bfestnetz|\banruf\w{0,4}|\berreichbar|"
    r"\breach\w{0,5}|\bcontact\w{0,3}|\bkontakt|\bligar|\bllam\w{1,6}|\bappel\w{1,4}|\bchiam\w{1,6}|"
    r"\b(?:my|his|her|our|their|your|meine|ihre|seine|deine) (?:new )?(?:number|nummer)|"
    r"тел\w{0,10}|моб\w{0,10}|电话|電話|手机号?码?|手機|携帯|連絡先|联系方式|전화\w{0,2}|휴대폰|फ़ोन|फोन|هاتف"
)
_OTHER = (
    r"\b(?:order|bestell\w*|auftrag\w*|invoice|inv|rechnung\w*|facture|commande|pedido|pedido|ordine|ticket|case|incident|issue|ref\w{0,6}|"
    r"\w{0,20}id|ids|uuid|guid|key|sku|part|item|article|artikel\w*|model|serial\w*|seriennummer|s/n|sn|imei|isbn|issn|ean|upc|gtin|asin|doi|pmid|"
    r"tracking|shipment|sendung\w*|parcel|paket\w*|account|acct|konto\w*|customer|kunden\w*|member\w*|policy|claim|contract|vertrag\w*|"
    r"licen[sc]e|batch|lot|charge|build|commit|version|revision|ports?|pid|timestamp|ts|epoch|unix\w*|time|amount|total|price|sum|summe|"
    r"betrag|balance|population|score|size|bytes|zip|plz|lat\w*|lon\w*|lng|coordinates|seed|hash|blz|vat|tax\w*|steuer\w*|ust\w*|patent|"
    r"room|row|line|seq\w*|range|pages?|pp|vol\w*|bsn|ssn|nhs|nino|insee|dni|cpf|cnpj|siren|siret|abn|acn|medicare|passport|aktenzeichen|"
    r"transaction|payment|receipt|voucher|coupon|barcode|product|produkt\w*|asset|device|firmware|chapter|section|date|datum|year)"
)
_SAYS_PHONE = re.compile(rf"(?:{_PHONE}){_BETWEEN}{{0,8}}\Z", re.IGNORECASE)
_SAYS_OTHER = re.compile(rf"(?:{_OTHER}\b\.?|#|№){_BETWEEN}{{0,6}}\Z", re.IGNORECASE)


def says_phone(before: str) -> bool:
    """Whether the words just before a number say that it is a telephone's."""
    return _SAYS_PHONE.search(before[-LOOK_BACK:]) is not None


def says_other(before: str) -> bool:
    """Whether they say that it is something else's."""
    return _SAYS_OTHER.search(before[-LOOK_BACK:]) is not None
