CREATE TRIGGER `shop`.`app_db_listener_users_insert_a0edef08`
	AFTER INSERT ON `shop`.`users` FOR EACH ROW
BEGIN
	DECLARE adbl_new, adbl_old LONGTEXT CHARACTER SET utf8mb4;
	IF COALESCE(OCTET_LENGTH(NEW.`doc`), 0) + COALESCE(OCTET_LENGTH(NEW.`j`), 0) + COALESCE(OCTET_LENGTH(NEW.`e`), 0) + OCTET_LENGTH(NEW.`pic`) + COALESCE(OCTET_LENGTH(NEW.`g`), 0) <= 1048576
		AND 6 * (COALESCE(OCTET_LENGTH(NEW.`doc`), 0) + COALESCE(OCTET_LENGTH(NEW.`j`), 0) + COALESCE(OCTET_LENGTH(NEW.`e`), 0)) + 3 * (OCTET_LENGTH(NEW.`pic`) + COALESCE(OCTET_LENGTH(NEW.`g`), 0)) DIV 2 + 261 < @@max_allowed_packet THEN
		SET adbl_new = CONCAT(
			_utf8mb4 x'7b226974277320606f64645c225c5c223a', NEW.`it's ``odd"\`,
			',"doc":', IF(NEW.`doc` IS NULL, 'null', JSON_QUOTE(CONVERT(NEW.`doc` USING utf8mb4))),
			',"pic":', CONCAT('"', REPLACE(TO_BASE64(NEW.`pic`), '\n', ''), '"'),
			',"j":', IF(NEW.`j` IS NULL, 'null', CAST(NEW.`j` AS CHAR CHARACTER SET utf8mb4)),
			',"g":', IF(NEW.`g` IS NULL, 'null', CONCAT('{"srid":', ST_SRID(NEW.`g`), ',"wkb":"', REPLACE(TO_BASE64(SUBSTR(CAST(NEW.`g` AS BINARY), 5)), '\n', ''), '"}')),
			',"f":', IF(NEW.`f` IS NULL, 'null', CAST(NEW.`f` AS DOUBLE)),
			',"e":', IF(NEW.`e` IS NULL, 'null', JSON_QUOTE(CONVERT(NEW.`e` USING utf8mb4))), '}');
		IF COALESCE(OCTET_LENGTH(adbl_new) > 1048576, 1) THEN
			SET adbl_new = NULL, adbl_old = NULL;
		END IF;
	END IF;
	INSERT INTO `shop`.`app_db_listener_outbox` (operation, schema_name, table_name, changed_at, row_key, old_key, data, old_data, truncated, bytes)
	VALUES ('insert', 'shop', 'users', UTC_TIMESTAMP(6),
		IF(@@max_allowed_packet > 83, CONCAT(_utf8mb4 x'7b226974277320606f64645c225c5c223a', NEW.`it's ``odd"\`, '}'), NULL),
		NULL,
		COALESCE(adbl_new, row_key, '{}'),
		NULL,
		adbl_new IS NULL,
		COALESCE(OCTET_LENGTH(row_key), 0) + OCTET_LENGTH(data));
END;

CREATE TRIGGER `shop`.`app_db_listener_users_update_a0edef08`
	AFTER UPDATE ON `shop`.`users` FOR EACH ROW
BEGIN
	DECLARE adbl_new, adbl_old LONGTEXT CHARACTER SET utf8mb4;
	IF NOT (NEW.`it's ``odd"\` <=> OLD.`it's ``odd"\`
		AND CONVERT(NEW.`doc` USING binary) <=> CONVERT(OLD.`doc` USING binary)
		AND NEW.`pic` <=> OLD.`pic`
		AND NEW.`j` <=> OLD.`j` AND CAST(CAST(NEW.`j` AS CHAR CHARACTER SET utf8mb4) AS BINARY) <=> CAST(CAST(OLD.`j` AS CHAR CHARACTER SET utf8mb4) AS BINARY)
		AND NEW.`g` <=> OLD.`g`
		AND CAST(NEW.`f` AS DOUBLE) <=> CAST(OLD.`f` AS DOUBLE)
		AND (NEW.`e` + 0) <=> (OLD.`e` + 0)) THEN
	IF COALESCE(OCTET_LENGTH(NEW.`doc`), 0) + COALESCE(OCTET_LENGTH(NEW.`j`), 0) + COALESCE(OCTET_LENGTH(NEW.`e`), 0) + OCTET_LENGTH(NEW.`pic`) + COALESCE(OCTET_LENGTH(NEW.`g`), 0) <= 1048576
		AND 6 * (COALESCE(OCTET_LENGTH(NEW.`doc`), 0) + COALESCE(OCTET_LENGTH(NEW.`j`), 0) + COALESCE(OCTET_LENGTH(NEW.`e`), 0)) + 3 * (OCTET_LENGTH(NEW.`pic`) + COALESCE(OCTET_LENGTH(NEW.`g`), 0)) DIV 2 + 261 < @@max_allowed_packet
		AND COALESCE(OCTET_LENGTH(OLD.`doc`), 0) + COALESCE(OCTET_LENGTH(OLD.`j`), 0) + COALESCE(OCTET_LENGTH(OLD.`e`), 0) + OCTET_LENGTH(OLD.`pic`) + COALESCE(OCTET_LENGTH(OLD.`g`), 0) <= 1048576
		AND 6 * (COALESCE(OCTET_LENGTH(OLD.`doc`), 0) + COALESCE(OCTET_LENGTH(OLD.`j`), 0) + COALESCE(OCTET_LENGTH(OLD.`e`), 0)) + 3 * (OCTET_LENGTH(OLD.`pic`) + COALESCE(OCTET_LENGTH(OLD.`g`), 0)) DIV 2 + 261 < @@max_allowed_packet THEN
		SET adbl_new = CONCAT(
			_utf8mb4 x'7b226974277320606f64645c225c5c223a', NEW.`it's ``odd"\`,
			',"doc":', IF(NEW.`doc` IS NULL, 'null', JSON_QUOTE(CONVERT(NEW.`doc` USING utf8mb4))),
			',"pic":', CONCAT('"', REPLACE(TO_BASE64(NEW.`pic`), '\n', ''), '"'),
			',"j":', IF(NEW.`j` IS NULL, 'null', CAST(NEW.`j` AS CHAR CHARACTER SET utf8mb4)),
			',"g":', IF(NEW.`g` IS NULL, 'null', CONCAT('{"srid":', ST_SRID(NEW.`g`), ',"wkb":"', REPLACE(TO_BASE64(SUBSTR(CAST(NEW.`g` AS BINARY), 5)), '\n', ''), '"}')),
			',"f":', IF(NEW.`f` IS NULL, 'null', CAST(NEW.`f` AS DOUBLE)),
			',"e":', IF(NEW.`e` IS NULL, 'null', JSON_QUOTE(CONVERT(NEW.`e` USING utf8mb4))), '}');
		SET adbl_old = CONCAT(
			_utf8mb4 x'7b226974277320606f64645c225c5c223a', OLD.`it's ``odd"\`,
			',"doc":', IF(OLD.`doc` IS NULL, 'null', JSON_QUOTE(CONVERT(OLD.`doc` USING utf8mb4))),
			',"pic":', CONCAT('"', REPLACE(TO_BASE64(OLD.`pic`), '\n', ''), '"'),
			',"j":', IF(OLD.`j` IS NULL, 'null', CAST(OLD.`j` AS CHAR CHARACTER SET utf8mb4)),
			',"g":', IF(OLD.`g` IS NULL, 'null', CONCAT('{"srid":', ST_SRID(OLD.`g`), ',"wkb":"', REPLACE(TO_BASE64(SUBSTR(CAST(OLD.`g` AS BINARY), 5)), '\n', ''), '"}')),
			',"f":', IF(OLD.`f` IS NULL, 'null', CAST(OLD.`f` AS DOUBLE)),
			',"e":', IF(OLD.`e` IS NULL, 'null', JSON_QUOTE(CONVERT(OLD.`e` USING utf8mb4))), '}');
		IF COALESCE(OCTET_LENGTH(adbl_new) > 1048576, 1) OR COALESCE(OCTET_LENGTH(adbl_old) > 1048576, 1) THEN
			SET adbl_new = NULL, adbl_old = NULL;
		END IF;
	END IF;
	INSERT INTO `shop`.`app_db_listener_outbox` (operation, schema_name, table_name, changed_at, row_key, old_key, data, old_data, truncated, bytes)
	VALUES ('update', 'shop', 'users', UTC_TIMESTAMP(6),
		IF(@@max_allowed_packet > 83, CONCAT(_utf8mb4 x'7b226974277320606f64645c225c5c223a', NEW.`it's ``odd"\`, '}'), NULL),
		IF(NEW.`it's ``odd"\` <=> OLD.`it's ``odd"\`, NULL, IF(@@max_allowed_packet > 83, CONCAT(_utf8mb4 x'7b226974277320606f64645c225c5c223a', OLD.`it's ``odd"\`, '}'), NULL)),
		COALESCE(adbl_new, row_key, '{}'),
		COALESCE(adbl_old, old_key, row_key, '{}'),
		adbl_new IS NULL,
		COALESCE(OCTET_LENGTH(row_key), 0) + COALESCE(OCTET_LENGTH(old_key), 0) + OCTET_LENGTH(data) + OCTET_LENGTH(old_data));
END IF;
END;

CREATE TRIGGER `shop`.`app_db_listener_users_delete_a0edef08`
	AFTER DELETE ON `shop`.`users` FOR EACH ROW
BEGIN
	DECLARE adbl_new, adbl_old LONGTEXT CHARACTER SET utf8mb4;
	IF COALESCE(OCTET_LENGTH(OLD.`doc`), 0) + COALESCE(OCTET_LENGTH(OLD.`j`), 0) + COALESCE(OCTET_LENGTH(OLD.`e`), 0) + OCTET_LENGTH(OLD.`pic`) + COALESCE(OCTET_LENGTH(OLD.`g`), 0) <= 1048576
		AND 6 * (COALESCE(OCTET_LENGTH(OLD.`doc`), 0) + COALESCE(OCTET_LENGTH(OLD.`j`), 0) + COALESCE(OCTET_LENGTH(OLD.`e`), 0)) + 3 * (OCTET_LENGTH(OLD.`pic`) + COALESCE(OCTET_LENGTH(OLD.`g`), 0)) DIV 2 + 261 < @@max_allowed_packet THEN
		SET adbl_old = CONCAT(
			_utf8mb4 x'7b226974277320606f64645c225c5c223a', OLD.`it's ``odd"\`,
			',"doc":', IF(OLD.`doc` IS NULL, 'null', JSON_QUOTE(CONVERT(OLD.`doc` USING utf8mb4))),
			',"pic":', CONCAT('"', REPLACE(TO_BASE64(OLD.`pic`), '\n', ''), '"'),
			',"j":', IF(OLD.`j` IS NULL, 'null', CAST(OLD.`j` AS CHAR CHARACTER SET utf8mb4)),
			',"g":', IF(OLD.`g` IS NULL, 'null', CONCAT('{"srid":', ST_SRID(OLD.`g`), ',"wkb":"', REPLACE(TO_BASE64(SUBSTR(CAST(OLD.`g` AS BINARY), 5)), '\n', ''), '"}')),
			',"f":', IF(OLD.`f` IS NULL, 'null', CAST(OLD.`f` AS DOUBLE)),
			',"e":', IF(OLD.`e` IS NULL, 'null', JSON_QUOTE(CONVERT(OLD.`e` USING utf8mb4))), '}');
		IF COALESCE(OCTET_LENGTH(adbl_old) > 1048576, 1) THEN
			SET adbl_new = NULL, adbl_old = NULL;
		END IF;
	END IF;
	INSERT INTO `shop`.`app_db_listener_outbox` (operation, schema_name, table_name, changed_at, row_key, old_key, data, old_data, truncated, bytes)
	VALUES ('delete', 'shop', 'users', UTC_TIMESTAMP(6),
		IF(@@max_allowed_packet > 83, CONCAT(_utf8mb4 x'7b226974277320606f64645c225c5c223a', OLD.`it's ``odd"\`, '}'), NULL),
		NULL,
		NULL,
		COALESCE(adbl_old, row_key, '{}'),
		adbl_old IS NULL,
		COALESCE(OCTET_LENGTH(row_key), 0) + OCTET_LENGTH(old_data));
END;

