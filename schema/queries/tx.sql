-- The writer's own: one transaction for many orders, each undone alone when it fails.
-- name: tx_begin
BEGIN IMMEDIATE
-- name: tx_commit
COMMIT
-- name: tx_order
SAVEPOINT o
-- name: tx_order_keep
RELEASE o
-- name: tx_order_undo
ROLLBACK TO o
