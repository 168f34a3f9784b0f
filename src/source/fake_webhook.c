/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "source/fake_db.h"

static struct fake_standing *find_locked(struct fake_db *db, const char *pipeline)
{
	size_t i;

	for (i = 0; i + 1 < ARRAY_LEN(db->standings); i++) {
		if (!db->standings[i].pipeline[0])
			(void)snprintf(db->standings[i].pipeline, sizeof(db->standings[i].pipeline),
				       "%s", pipeline);
		if (strcmp(db->standings[i].pipeline, pipeline) == 0)
			break;
	}
	return &db->standings[i];
}

enum err_code fake_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
				 struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_STANDING, e);
	if (code == ERR_OK)
		*ret_s = find_locked(s->db, s->env.pipelines[p].settings->name)->value;
	mutex_unlock(&s->db->lock);
	return code;
}

enum err_code fake_standing_save(struct source *base, uint32_t p, const struct standing *standing,
				 struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	struct standing *kept;
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_STANDING, e);
	if (code == ERR_OK) {
		kept = &find_locked(s->db, s->env.pipelines[p].settings->name)->value;
		if (strcmp(kept->webhook, standing->webhook) != 0 ||
		    kept->since_wall_us <= standing->since_wall_us)
			*kept = *standing;
		s->db->stats.standings_saved++;
	}
	mutex_unlock(&s->db->lock);
	return code;
}

void fake_db_set_standing(struct fake_db *db, const char *pipeline, const struct standing *standing)
{
	mutex_lock(&db->lock);
	find_locked(db, pipeline)->value = *standing;
	mutex_unlock(&db->lock);
}

struct standing fake_db_standing(struct fake_db *db, const char *pipeline)
{
	struct standing s;

	mutex_lock(&db->lock);
	s = find_locked(db, pipeline)->value;
	mutex_unlock(&db->lock);
	return s;
}
