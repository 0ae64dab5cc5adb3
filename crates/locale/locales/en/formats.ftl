# Names that the formats of dates and money need.
time-zone-of = { $city } time
price-free = Free
money = { $symbol }{ $amount }
