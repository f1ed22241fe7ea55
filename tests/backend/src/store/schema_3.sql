-- Schema 3: the catalogue, what members like and say, what is counted of it; stock, holds.

-- ---- Catalogue, favourites, reviews, reactions

-- ---- Stock and holds
