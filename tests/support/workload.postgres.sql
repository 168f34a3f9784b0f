-- SPDX-License-Identifier: MIT
-- What the tests of database faults write, and the truth about it: every change of a watched table is
-- noted in workload.truth by a trigger of the test's own, in the transaction that makes it, so that the truth holds
-- what was committed and nothing else.
--
-- Every row version has a number of its own, v. So (operation, v before, v after) names a change exactly, and the
-- changes of a key form a chain: what one leaves is what the next one finds. Whether the deliveries form
-- these chains tells their order without believing any id. See workload.sh.
CREATE SCHEMA workload;
CREATE SEQUENCE workload.version;
CREATE TABLE workload.truth (
	tab text NOT NULL, op text NOT NULL,
	old_key text NOT NULL DEFAULT '', old_v bigint, new_key text NOT NULL DEFAULT '', new_v bigint);
CREATE TABLE workload.stop (); -- a row in it ends the writers

CREATE FUNCTION workload.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.v := nextval('workload.version');
	RETURN NEW;
END $$;

-- The key of a row: k and, where there is one, part.
CREATE FUNCTION workload.key_of(r jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT coalesce(r->>'k', '') || '/' || coalesce(r->>'part', '') $$;

CREATE FUNCTION workload.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO workload.truth (tab, op, new_key, new_v)
			VALUES (TG_ARGV[0], 'insert', workload.key_of(to_jsonb(NEW)), NEW.v);
	ELSIF TG_OP = 'UPDATE' THEN
		INSERT INTO workload.truth VALUES (TG_ARGV[0], 'update', workload.key_of(to_jsonb(OLD)), OLD.v,
			workload.key_of(to_jsonb(NEW)), NEW.v);
	ELSIF TG_OP = 'DELETE' THEN
		INSERT INTO workload.truth (tab, op, old_key, old_v)
			VALUES (TG_ARGV[0], 'delete', workload.key_of(to_jsonb(OLD)), OLD.v);
	ELSE
		INSERT INTO workload.truth (tab, op) VALUES (TG_ARGV[0], 'truncate');
	END IF;
	RETURN NULL;
END $$;

-- Stamp and note the changes of a table, which has a column v bigint. workload.sh calls it for those below.
CREATE PROCEDURE workload.watch(tab text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER a_stamp BEFORE INSERT OR UPDATE ON %s FOR EACH ROW
		EXECUTE FUNCTION workload.stamp()', tab);
	EXECUTE format('CREATE TRIGGER z_note AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
		EXECUTE FUNCTION workload.note(%L)', tab, tab);
	EXECUTE format('CREATE TRIGGER z_note_truncate AFTER TRUNCATE ON %s
		EXECUTE FUNCTION workload.note(%L)', tab, tab);
END $$;

CREATE TABLE items (k bigint PRIMARY KEY, v bigint NOT NULL, note text);
CREATE TABLE pairs (k text, part int, v bigint NOT NULL, note text, PRIMARY KEY (k, part));

CREATE FUNCTION workload.put(keys int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO items (k, note) VALUES (1 + floor(random() * keys), md5(random()::text))
		ON CONFLICT (k) DO UPDATE SET note = EXCLUDED.note
$$;

-- One statement on one of so many keys.
CREATE FUNCTION workload.step(keys int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r float8 := random();
	a int := 1 + floor(random() * keys);
	b int := 1 + floor(random() * keys);
	name text := format(E'key "%s" \\ \tü', a % 20);
BEGIN
	IF r < 0.25 THEN
		PERFORM workload.put(keys);
	ELSIF r < 0.50 THEN
		UPDATE items SET note = md5(random()::text) WHERE k = a;
	ELSIF r < 0.60 THEN
		UPDATE items SET note = md5(random()::text) WHERE k BETWEEN a AND a + 4;
	ELSIF r < 0.72 THEN
		DELETE FROM items WHERE k = a;
	ELSIF r < 0.80 THEN
		UPDATE items SET k = b WHERE k = a;
	ELSIF r < 0.90 THEN
		INSERT INTO pairs (k, part, note) VALUES (name, b % 5, md5(random()::text))
			ON CONFLICT (k, part) DO UPDATE SET note = EXCLUDED.note;
	ELSIF r < 0.95 THEN
		UPDATE pairs SET part = (part + 1) % 5 WHERE k = name AND part = b % 5;
	ELSE
		DELETE FROM pairs WHERE k = name AND part = b % 5;
	END IF;
END $$;

-- A transaction: mostly short, now and then of many statements or open for long; every statement but the first in a
-- savepoint, a tenth of which are rolled back. On few keys the first can be in a deadlock too: it queues for a row
-- behind others, which wait for its place in the queue of another.
CREATE FUNCTION workload.transaction(keys int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM workload.put(keys);
	EXCEPTION WHEN deadlock_detected THEN
		RETURN;
	END;
	FOR i IN 1 .. floor(power(random(), 3) * 15) LOOP
		BEGIN
			PERFORM workload.step(keys);
			IF random() < 0.1 THEN
				RAISE EXCEPTION USING ERRCODE = 'ZZ001';
			END IF;
		EXCEPTION WHEN unique_violation OR deadlock_detected OR SQLSTATE 'ZZ001' THEN
			NULL;
		END;
		IF random() < 0.1 THEN
			PERFORM pg_sleep(random() * 0.02);
		END IF;
	END LOOP;
	IF random() < 0.01 THEN
		PERFORM pg_sleep(0.3);
	END IF;
END $$;

-- A writer: transactions until workload.stop has a row; a tenth of them are rolled back.
CREATE PROCEDURE workload.write(keys int, pause_ms float8) LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT EXISTS (SELECT FROM workload.stop) LOOP
		PERFORM workload.transaction(keys);
		IF random() < 0.1 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
		PERFORM pg_sleep(random() * 2 * pause_ms / 1000);
	END LOOP;
END $$;
