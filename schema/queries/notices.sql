-- name: notice_reads_of
SELECT notice_id FROM notice_reads WHERE user_id = :user AND notice_id BETWEEN :from AND :to
-- name: notice_unread
SELECT n.id, n.subject, n.author, n.created FROM notices n
WHERE n.company_id = :company AND NOT EXISTS (SELECT 1 FROM notice_reads r WHERE r.notice_id = n.id AND r.user_id = :user)
  AND n.created >= (SELECT created FROM users WHERE id = :user) - 7776000000
ORDER BY n.created DESC, n.id DESC LIMIT 200
-- name: notice_read
INSERT OR IGNORE INTO notice_reads (notice_id, user_id, at) SELECT id, :user, :now FROM notices
WHERE company_id = :company AND (id = :id OR :id = 0)
-- name: notice_exists
SELECT 1 FROM notices WHERE id = :id AND company_id = :company
-- name: notice_group
SELECT u.id FROM users u WHERE u.department_id = (SELECT department_id FROM users WHERE id = :user) AND u.active = 1
-- name: article_categories
SELECT category, count(*) FROM articles WHERE company_id = :company OR :company = 0 GROUP BY category ORDER BY category
