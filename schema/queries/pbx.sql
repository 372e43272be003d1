-- name: web_number_taken
SELECT resource FROM numbers WHERE number = :number AND NOT (resource = :resource AND row_id = :id)
-- name: web_trunk_same_peer
SELECT 1 FROM trunks WHERE kind = 'peer' AND host = :host COLLATE NOCASE AND port = :port AND id <> :id
-- name: web_secret_of_trunks
SELECT secret FROM trunks WHERE id = :id
-- name: web_secret_of_extensions
SELECT secret FROM extensions WHERE id = :id
-- name: web_sound
SELECT sha, file FROM prompts WHERE id = :id
-- name: web_sound_file
SELECT 1 FROM prompts WHERE company_id = :company_id AND kind = :kind AND file = :file AND id <> :id
-- name: web_sound_add
INSERT INTO prompts (company_id, kind, file, name, sha, length, created) VALUES (:company_id, :kind, :file, :name, :sha, :length, :created)
-- name: web_sound_replace
UPDATE prompts SET file = :file, sha = :sha, length = :length, rev = rev + 1 WHERE id = :id
-- name: web_sound_wanted
SELECT EXISTS (SELECT 1 FROM prompts WHERE sha = :sha) OR EXISTS (SELECT 1 FROM config_versions WHERE instr(doc, :sha) > 0)
