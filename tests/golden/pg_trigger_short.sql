CREATE OR REPLACE TRIGGER "!app_db_listener_default_insert"
	AFTER INSERT ON "public"."users" FOR EACH ROW
	EXECUTE FUNCTION app_db_listener.capture(
		'default',
		'public',
		'users',
		'1048576',
		'',
		'',
		'',
		'{"id":',
		'id');
ALTER TABLE "public"."users" ENABLE TRIGGER "!app_db_listener_default_insert";
CREATE OR REPLACE TRIGGER "!app_db_listener_default_update"
	AFTER UPDATE ON "public"."users" FOR EACH ROW
	EXECUTE FUNCTION app_db_listener.capture(
		'default',
		'public',
		'users',
		'1048576',
		'',
		'',
		'',
		'{"id":',
		'id');
ALTER TABLE "public"."users" ENABLE TRIGGER "!app_db_listener_default_update";
CREATE OR REPLACE TRIGGER "!app_db_listener_default_delete"
	AFTER DELETE ON "public"."users" FOR EACH ROW
	EXECUTE FUNCTION app_db_listener.capture(
		'default',
		'public',
		'users',
		'1048576',
		'',
		'',
		'',
		'{"id":',
		'id');
ALTER TABLE "public"."users" ENABLE TRIGGER "!app_db_listener_default_delete";
CREATE OR REPLACE TRIGGER "!app_db_listener_default_truncate"
	AFTER TRUNCATE ON "public"."users" FOR EACH STATEMENT
	EXECUTE FUNCTION app_db_listener.capture(
		'default',
		'public',
		'users',
		'1048576',
		'',
		'',
		'');
ALTER TABLE "public"."users" ENABLE TRIGGER "!app_db_listener_default_truncate";
DROP TRIGGER IF EXISTS "!app_db_listener_default_insert" ON "public"."users";
