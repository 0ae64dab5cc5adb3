# Namen, die in Zeiten und Preisen vorkommen.
time-zone-of = Ortszeit { $city }
price-free = Kostenlos
money = { $amount }{"\u00A0"}{ $symbol }
