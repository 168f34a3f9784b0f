CREATE TRIGGER "!app_db_listener_audit_2_update"
	AFTER UPDATE ON "Sch""ema"."part
1" FOR EACH ROW
	WHEN (NEW."Id" > 5 -- the new ones
	)
	EXECUTE FUNCTION app_db_listener.capture(
		'audit_2',
		'Sch"ema',
		E'ta''ble\\',
		'1048576',
		'app_db_listener."outbox_audit_2_id_seq"',
		E'+{"a\\"b\\\\c''","plain","Id"}',
		'NEW."Id" > 5 -- the new ones',
		'{"Id":',
		'Id',
		E',"a\\"b\\\\c''":',
		E'a"b\\c''');
ALTER TABLE "Sch""ema"."part
1" ENABLE ALWAYS TRIGGER "!app_db_listener_audit_2_update";
SELECT 1 FROM (SELECT 1) AS one, "Sch""ema"."ta'ble\" AS new, "Sch""ema"."ta'ble\" AS old WHERE (NEW."Id" > 5 -- the new ones
);
