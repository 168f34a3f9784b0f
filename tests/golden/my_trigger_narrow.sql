CREATE OR REPLACE TRIGGER `shop`.`app_db_listener_users_insert_a0edef08`
	AFTER INSERT ON `shop`.`users` FOR EACH ROW
IF (NEW.n > 5
) THEN
	INSERT INTO `shop`.`app_db_listener_outbox` (operation, schema_name, table_name, changed_at, row_key, old_key, data, old_data, truncated, bytes)
	VALUES ('insert', 'shop', 'users', UTC_TIMESTAMP(6),
		IF(@@max_allowed_packet > 38, CONCAT('{"id":', NEW.`id`, '}'), NULL),
		NULL,
		COALESCE(IF(@@max_allowed_packet > 434, CONCAT(
			'{"id":', NEW.`id`,
			',"name":', IF(NEW.`name` IS NULL, 'null', JSON_QUOTE(CONVERT(NEW.`name` USING utf8mb4))),
			',"n":', IF(NEW.`n` IS NULL, 'null', (NEW.`n` + 0)),
			',"at":', IF(NEW.`at` IS NULL, 'null', IF(UNIX_TIMESTAMP(NEW.`at`) > 0, CONCAT('"', REPLACE(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP(NEW.`at`) SECOND, ' ', 'T'), 'Z"'), '"0000-00-00T00:00:00Z"')), '}'), NULL), row_key, '{}'),
		NULL,
		@@max_allowed_packet <= 434,
		COALESCE(OCTET_LENGTH(row_key), 0) + OCTET_LENGTH(data));
END IF;

CREATE OR REPLACE TRIGGER `shop`.`app_db_listener_users_update_a0edef08`
	AFTER UPDATE ON `shop`.`users` FOR EACH ROW
IF NOT (NEW.`id` <=> OLD.`id`
		AND CONVERT(NEW.`name` USING binary) <=> CONVERT(OLD.`name` USING binary)
		AND NEW.`n` <=> OLD.`n`
		AND IF(NEW.`at` IS NULL, -1, COALESCE(UNIX_TIMESTAMP(NEW.`at`), 0)) <=> IF(OLD.`at` IS NULL, -1, COALESCE(UNIX_TIMESTAMP(OLD.`at`), 0))) AND (NEW.n > 5
) THEN
	INSERT INTO `shop`.`app_db_listener_outbox` (operation, schema_name, table_name, changed_at, row_key, old_key, data, old_data, truncated, bytes)
	VALUES ('update', 'shop', 'users', UTC_TIMESTAMP(6),
		IF(@@max_allowed_packet > 38, CONCAT('{"id":', NEW.`id`, '}'), NULL),
		IF(NEW.`id` <=> OLD.`id`, NULL, IF(@@max_allowed_packet > 38, CONCAT('{"id":', OLD.`id`, '}'), NULL)),
		COALESCE(IF(@@max_allowed_packet > 434, CONCAT(
			'{"id":', NEW.`id`,
			',"name":', IF(NEW.`name` IS NULL, 'null', JSON_QUOTE(CONVERT(NEW.`name` USING utf8mb4))),
			',"n":', IF(NEW.`n` IS NULL, 'null', (NEW.`n` + 0)),
			',"at":', IF(NEW.`at` IS NULL, 'null', IF(UNIX_TIMESTAMP(NEW.`at`) > 0, CONCAT('"', REPLACE(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP(NEW.`at`) SECOND, ' ', 'T'), 'Z"'), '"0000-00-00T00:00:00Z"')), '}'), NULL), row_key, '{}'),
		COALESCE(IF(@@max_allowed_packet > 434, CONCAT(
			'{"id":', OLD.`id`,
			',"name":', IF(OLD.`name` IS NULL, 'null', JSON_QUOTE(CONVERT(OLD.`name` USING utf8mb4))),
			',"n":', IF(OLD.`n` IS NULL, 'null', (OLD.`n` + 0)),
			',"at":', IF(OLD.`at` IS NULL, 'null', IF(UNIX_TIMESTAMP(OLD.`at`) > 0, CONCAT('"', REPLACE(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP(OLD.`at`) SECOND, ' ', 'T'), 'Z"'), '"0000-00-00T00:00:00Z"')), '}'), NULL), old_key, row_key, '{}'),
		@@max_allowed_packet <= 434,
		COALESCE(OCTET_LENGTH(row_key), 0) + COALESCE(OCTET_LENGTH(old_key), 0) + OCTET_LENGTH(data) + OCTET_LENGTH(old_data));
END IF;

CREATE OR REPLACE TRIGGER `shop`.`app_db_listener_users_delete_a0edef08`
	AFTER DELETE ON `shop`.`users` FOR EACH ROW
IF (NEW.n > 5
) THEN
	INSERT INTO `shop`.`app_db_listener_outbox` (operation, schema_name, table_name, changed_at, row_key, old_key, data, old_data, truncated, bytes)
	VALUES ('delete', 'shop', 'users', UTC_TIMESTAMP(6),
		IF(@@max_allowed_packet > 38, CONCAT('{"id":', OLD.`id`, '}'), NULL),
		NULL,
		NULL,
		COALESCE(IF(@@max_allowed_packet > 434, CONCAT(
			'{"id":', OLD.`id`,
			',"name":', IF(OLD.`name` IS NULL, 'null', JSON_QUOTE(CONVERT(OLD.`name` USING utf8mb4))),
			',"n":', IF(OLD.`n` IS NULL, 'null', (OLD.`n` + 0)),
			',"at":', IF(OLD.`at` IS NULL, 'null', IF(UNIX_TIMESTAMP(OLD.`at`) > 0, CONCAT('"', REPLACE(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP(OLD.`at`) SECOND, ' ', 'T'), 'Z"'), '"0000-00-00T00:00:00Z"')), '}'), NULL), row_key, '{}'),
		@@max_allowed_packet <= 434,
		COALESCE(OCTET_LENGTH(row_key), 0) + OCTET_LENGTH(old_data));
END IF;

