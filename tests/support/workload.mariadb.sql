-- SPDX-License-Identifier: MIT
-- The workload of workload.postgres.sql for MariaDB and MySQL: the same tables, truth and random transactions. The triggers that
-- stamp and note are made for each table by workload_watch in workload.sh.
CREATE DATABASE workload CHARACTER SET utf8mb4;
CREATE SEQUENCE workload.version;
CREATE TABLE workload.truth (
	id bigint AUTO_INCREMENT PRIMARY KEY, tab varchar(64) NOT NULL, op varchar(10) NOT NULL,
	old_key varchar(200) NOT NULL DEFAULT '', old_v bigint, new_key varchar(200) NOT NULL DEFAULT '', new_v bigint);
CREATE TABLE workload.stop (n int); -- a row in it ends the writers

CREATE TABLE items (k bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0, note longtext);
CREATE TABLE pairs (k varchar(60), part int, v bigint NOT NULL DEFAULT 0, note text, PRIMARY KEY (k, part));

DELIMITER //
CREATE PROCEDURE workload_put(n int)
	INSERT INTO items (k, note) VALUES (1 + floor(rand() * n), left(sha2(rand(), 256), 32))
		ON DUPLICATE KEY UPDATE note = VALUES(note)
//
-- One statement on one of so many keys.
CREATE PROCEDURE workload_step(n int)
BEGIN
	DECLARE r double DEFAULT rand();
	DECLARE a int DEFAULT 1 + floor(rand() * n);
	DECLARE b int DEFAULT 1 + floor(rand() * n);
	DECLARE name varchar(60) DEFAULT concat('key "', a % 20, '" \\ \tü');
	DECLARE CONTINUE HANDLER FOR 1062 BEGIN END; -- the key is taken: only the statement is undone
	IF r < 0.25 THEN
		CALL workload_put(n);
	ELSEIF r < 0.50 THEN
		UPDATE items SET note = left(sha2(rand(), 256), 32) WHERE k = a;
	ELSEIF r < 0.60 THEN
		UPDATE items SET note = left(sha2(rand(), 256), 32) WHERE k BETWEEN a AND a + 4;
	ELSEIF r < 0.72 THEN
		DELETE FROM items WHERE k = a;
	ELSEIF r < 0.80 THEN
		UPDATE items SET k = b WHERE k = a;
	ELSEIF r < 0.90 THEN
		INSERT INTO pairs (k, part, note) VALUES (name, b % 5, left(sha2(rand(), 256), 32))
			ON DUPLICATE KEY UPDATE note = VALUES(note);
	ELSEIF r < 0.95 THEN
		UPDATE pairs SET part = (part + 1) % 5 WHERE k = name AND part = b % 5;
	ELSE
		DELETE FROM pairs WHERE k = name AND part = b % 5;
	END IF;
END
//
-- A transaction: mostly short, now and then of many statements or open for long; every statement but the first after a
-- savepoint, a tenth of which are rolled back. A tenth of the transactions are, and those that lost a deadlock.
CREATE PROCEDURE workload_transaction(n int)
BEGIN
	DECLARE i int DEFAULT floor(pow(rand(), 3) * 15);
	DECLARE EXIT HANDLER FOR 1213 ROLLBACK;
	START TRANSACTION;
	CALL workload_put(n);
	WHILE i > 0 DO
		SAVEPOINT s;
		CALL workload_step(n);
		IF rand() < 0.1 THEN
			ROLLBACK TO s;
		END IF;
		IF rand() < 0.1 THEN
			DO sleep(rand() * 0.02);
		END IF;
		SET i = i - 1;
	END WHILE;
	IF rand() < 0.01 THEN
		DO sleep(0.3);
	END IF;
	IF rand() < 0.1 THEN
		ROLLBACK;
	ELSE
		COMMIT;
	END IF;
END
//
-- A writer: transactions until workload.stop has a row.
CREATE PROCEDURE workload_write(n int, pause_ms double)
BEGIN
	WHILE NOT EXISTS (SELECT 1 FROM workload.stop) DO
		CALL workload_transaction(n);
		DO sleep(rand() * 2 * pause_ms / 1000);
	END WHILE;
END
//
DELIMITER ;
