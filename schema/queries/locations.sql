-- name: location_all
SELECT prefix, province, city, area_code, carrier FROM locations ORDER BY prefix
-- name: location_put
INSERT INTO locations (prefix, province, city, area_code, carrier, updated) VALUES (:prefix, :province, :city, :area_code, :carrier, :now)
ON CONFLICT (prefix) DO UPDATE SET province = excluded.province, city = excluded.city, area_code = excluded.area_code,
  carrier = excluded.carrier, updated = excluded.updated
-- name: location_one
SELECT prefix, province, city, area_code, carrier, updated FROM locations WHERE prefix = :prefix
-- name: location_range
SELECT prefix, updated FROM locations WHERE prefix BETWEEN :from AND :to
-- name: location_del
DELETE FROM locations WHERE prefix = :prefix
-- name: location_reset
DELETE FROM locations
-- name: location_area
SELECT area_code FROM companies WHERE id = :id
-- name: location_area_set
UPDATE companies SET area_code = :area_code, rev = rev + 1 WHERE id = :id
