/* Helpers of the plan's tests: documents written with ' for ", one company, columns as given. */
#ifndef ZX_TESTS_PLAN_UTIL_H
#define ZX_TESTS_PLAN_UTIL_H

#include <stdlib.h>

#include "plan/snapshot.h"
#include "zxtest.h"

#define PU_EXT "'extensions':{'cols':['id','number','name','record'],'rows':["
#define PU_TRUNK "'trunks':{'cols':['id','name','host','port','kind','account','secret'],'rows':["
#define PU_QUEUE "'queues':{'cols':['id','name','number','app','param','ivr_id','ivr_after','max_wait','music_id'],'rows':["
#define PU_MEMBERS "'queue_members':{'cols':['queue_id','extension_id','position'],'rows':["
#define PU_IVR "'ivrs':{'cols':['id','name','number','prompt_id','direct_dial','app','param'],'rows':["
#define PU_KEYS "'ivr_keys':{'cols':['ivr_id','key','app','param','position'],'rows':["
#define PU_TIME                                                                                                                            \
	"'time_conditions':{'cols':['id','name','time_from','time_to','weekday_from','weekday_to','holidays_id','in_app','in_param',"      \
	"'out_app','out_param'],'rows':["
#define PU_IN "'inbound_routes':{'cols':['id','name','trunk_id','position','pattern','caller','strip','app','param'],'rows':["
#define PU_OUT                                                                                                                             \
	"'outbound_routes':{'cols':['id','name','position','pattern','strip','prefix','extension_id','trunk1_id','trunk2_id','trunk3_id']" \
	","                                                                                                                                \
	"'rows':["
#define PU_END "]}"

static inline struct zx_config_doc *pu_doc(const char *text)
{
	struct zx_config_doc *d = NULL;
	char *copy = strdup(text);

	for (char *p = copy; p && *p; p++)
		*p = *p == '\'' ? '"' : *p;
	if (!copy || zx_config_doc_read(&d, copy))
		fprintf(stderr, "no document: %s\n", copy ? copy : "");
	free(copy);
	return d;
}

static inline struct zx_plan *pu_plan(const char *text)
{
	struct zx_config_doc *d = pu_doc(text);
	struct zx_plan *p = NULL;

	if (d && zx_plan_build(&p, (const struct zx_config_doc *const *)&d, 1, NULL, ""))
		fprintf(stderr, "no plan\n");
	zx_config_doc_free(d);
	return p;
}

#endif
