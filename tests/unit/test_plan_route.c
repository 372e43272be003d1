#include "plan_util.h"

#include "base/clock.h"

static struct zx_plan *p;
static const struct tm monday_noon = {.tm_year = 126, .tm_mon = 10, .tm_mday = 23, .tm_wday = 1, .tm_hour = 12};
static const struct tm sunday = {.tm_year = 126, .tm_mon = 10, .tm_mday = 22, .tm_wday = 0, .tm_hour = 12};

static const char *to(const char *from, const char *dialled, const struct tm *when)
{
	static char text[120];
	struct zx_route r;

	zx_plan_resolve_trunk(p, &r, 1, from, dialled, when);
	snprintf(text, sizeof(text), "%s(%s)", r.app, r.param);
	return text;
}

ZX_TEST(inbound)
{
	p = pu_plan(
	    "{'company':1," PU_EXT "[5,'8001','Li',1],[6,'8002','',0]" PU_END "," PU_TRUNK
	    "[1,'a','127.0.0.2',5060,'peer','',''],[2,'b','127.0.0.3',5060,'peer','','']" PU_END "," PU_TIME
	    "[3,'work','09:00','17:59',1,5,null,'extension','5','time','4'],[4,'late','','',6,7,null,'outside','114','extension','6'],"
	    "[8,'ring','','',null,null,null,'time','8','time','8']" PU_END "," PU_IN "[1,'any',null,1,'','',0,'hangup',''],"
	    "[2,'prefix',null,2,'0755.','',0,'queue','20'],"
	    "[3,'long',null,3,'075588.','',0,'ivr','21'],"
	    "[4,'exact',null,9,'07558800','',0,'extension','5'],"
	    "[5,'pattern',null,0,'0755NXXX','',0,'conference','22'],"
	    "[6,'vip',null,99,'0755.','138.',0,'voicemail','23'],"
	    "[7,'vip1',null,99,'0755.','13800138000',0,'prompt','24'],"
	    "[8,'caller',null,50,'','139.',0,'survey',''],"
	    "[9,'other trunk',2,0,'07558800','',0,'queue','25'],"
	    "[10,'times',null,0,'600','',0,'time','3'],"
	    "[11,'circle',null,0,'601','',0,'time','8'],"
	    "[12,'stripped',null,0,'77X.','',2,'extension',''],"
	    "[13,'gone',null,0,'602','',0,'extension','77']" PU_END "}");
	ZX_CHECK(p);
	ZX_CHECK_STR(to("", "123", NULL), "hangup()");
	ZX_CHECK_STR(to("", "", NULL), "hangup()");
	ZX_CHECK_STR(to("02012345678", "07551", NULL), "queue(20)");
	ZX_CHECK_STR(to("02012345678", "0755881", NULL), "ivr(21)");
	ZX_CHECK_STR(to("02012345678", "07558800", NULL), "extension(8001)");
	ZX_CHECK_STR(to("02012345678", "07552000", NULL), "conference(22)");
	/* the callee says more than the caller */
	ZX_CHECK_STR(to("13800000000", "07558800", NULL), "extension(8001)");
	ZX_CHECK_STR(to("13800000000", "07551", NULL), "voicemail(23)");
	ZX_CHECK_STR(to("13800138000", "07551", NULL), "prompt(24)");
	ZX_CHECK_STR(to("13900000000", "07551", NULL), "queue(20)");
	ZX_CHECK_STR(to("13900000000", "123", NULL), "survey()");
	ZX_CHECK_STR(to("", "600", &monday_noon), "extension(8001)");
	ZX_CHECK_STR(to("", "600", &sunday), "outside(114)");
	ZX_CHECK_STR(to("", "601", &sunday), "()"); /* a circle ends */
	ZX_CHECK_STR(to("", "778002", NULL), "extension(8002)");
	ZX_CHECK_STR(to("", "602", NULL), "()");
	mem_deref(p);
}

static const char *out(int64_t ext, const char *dialled)
{
	static char text[200];
	struct zx_outbound o;

	if (zx_plan_find_outbound(&o, p, 1, ext, dialled))
		return "none";
	snprintf(text, sizeof(text), "%s %s %u", o.route->h.name, o.number, o.trunkc);
	for (unsigned i = 0; i < o.trunkc; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", o.trunks[i]->peer.name);
	return text;
}

ZX_TEST(outbound)
{
	p = pu_plan("{'company':1," PU_TRUNK "[1,'a','127.0.0.2',5060,'peer','',''],[2,'b','127.0.0.3',5060,'peer','',''],"
		    "[3,'c','127.0.0.4',5060,'peer','','']" PU_END "," PU_OUT "[1,'mobile',20,'1[3-9]XXXXXXXXX','','0',null,1,2,3],"
		    "[2,'boss',10,'X.','','17951',7,3,null,null],"
		    "[3,'nine',30,'9X.','9','',null,2,null,1],"
		    "[4,'rest',40,'NXX.','','',null,1,99,null]" PU_END "}");
	ZX_CHECK(p);
	ZX_CHECK_STR(out(5, "13800138000"), "mobile 013800138000 3 a b c");
	ZX_CHECK_STR(out(7, "13800138000"), "boss 1795113800138000 1 c");
	ZX_CHECK_STR(out(5, "9114"), "nine 114 2 b a");
	ZX_CHECK_STR(out(5, "2345"), "rest 2345 1 a"); /* a trunk that is not there is left out */
	ZX_CHECK_STR(out(5, "1234"), "none");
	ZX_CHECK_STR(out(5, ""), "none");
	ZX_CHECK_STR(out(0, "13800138000"), "mobile 013800138000 3 a b c");
	struct zx_outbound o;
	ZX_CHECK_EQ(zx_plan_find_outbound(&o, p, 2, 0, "13800138000"), ENOENT);
	mem_deref(p);
}

/* ---- the same as looking at all of them one after the other ---- */

enum { ROUTES = 300 };
static struct {
	char callee[32], caller[32];
	int trunk, position;
} routes[ROUTES];

static void random_pattern(char *s)
{
	static const char *const places[] = {"1", "2", "3", "12", "X", "N", "[12]", "."};
	const int n = (int)(lrand48() % 4);

	*s = '\0';
	for (int i = 0; i < n; i++)
		s += snprintf(s, 3 + 2, "%s", places[lrand48() % (i == n - 1 ? 8 : 7)]);
}

static int naive(const char *callee, const char *caller, int trunk)
{
	int best = -1;

	for (int i = 0; i < ROUTES; i++) {
		int c;

		if (!zx_pattern_match(routes[i].callee, callee) || !zx_pattern_match(routes[i].caller, caller) ||
		    (routes[i].trunk && routes[i].trunk != trunk))
			continue;
		if (best < 0) {
			best = i;
			continue;
		}
		c = zx_pattern_order(routes[i].callee, routes[best].callee);
		if (!c)
			c = zx_pattern_order(routes[i].caller, routes[best].caller);
		if (!c)
			c = !routes[i].trunk - !routes[best].trunk;
		if (!c)
			c = routes[i].position - routes[best].position;
		if (c < 0)
			best = i;
	}
	return best;
}

static void random_number(char *s)
{
	const int n = (int)(lrand48() % 6);

	for (int i = 0; i < n; i++)
		s[i] = "1234"[lrand48() % 4];
	s[n] = '\0';
}

ZX_TEST(property)
{
	enum { ROOM = ROUTES * 120 + 500 };
	char *text = malloc(ROOM);
	unsigned hits = 0;
	size_t n;

	srand48(3);
	n = (size_t)snprintf(text, ROOM, "{'company':1," PU_IN);
	for (int i = 0; i < ROUTES; i++) {
		random_pattern(routes[i].callee);
		random_pattern(routes[i].caller);
		routes[i].trunk = (int)(lrand48() % 3);
		routes[i].position = (int)(lrand48() % 50);
		char trunk[8] = "null";
		if (routes[i].trunk)
			snprintf(trunk, sizeof(trunk), "%d", routes[i].trunk);
		n += (size_t)snprintf(text + n, ROOM - n, "%s[%d,'r',%s,%d,'%s','%s',0,'hangup','']", i ? "," : "", i + 1, trunk,
				      routes[i].position, routes[i].callee, routes[i].caller);
	}
	snprintf(text + n, ROOM - n, PU_END "}");
	p = pu_plan(text);
	free(text);
	ZX_CHECK(p);
	for (int i = 0; i < 20000; i++) {
		char callee[8], caller[8];
		const int trunk = 1 + (int)(lrand48() % 3);

		random_number(callee);
		random_number(caller);
		const struct zx_plan_inbound *in = zx_plan_find_inbound(p, 1, trunk, callee, caller);
		const int want = naive(callee, caller, trunk), got = in ? (int)in->h.id - 1 : -1;

		/* of two that are the same in everything the older one */
		if (got != want)
			fprintf(stderr, "%s from %s: route %d, not %d\n", callee, caller, got, want);
		ZX_CHECK_EQ(got, want);
		hits += in != NULL;
	}
	printf("# 20000 calls, %u found a route\n", hits);
	ZX_CHECK(hits > 5000);
	mem_deref(p);
}

/* A call's way takes the same time whatever the number of routes. */
ZX_TEST(many)
{
	enum { MANY = 20000 };
	enum { ROOM = MANY * 60 + 500 };
	char *text = malloc(ROOM), number[16];
	uint64_t t;
	size_t n;

	n = (size_t)snprintf(text, ROOM, "{'company':1," PU_IN);
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(text + n, ROOM - n, "%s[%d,'r',null,%d,'0755%07d','',0,'hangup','']", i ? "," : "", i + 1, i, i);
	snprintf(text + n, ROOM - n, PU_END "}");
	p = pu_plan(text);
	free(text);
	ZX_CHECK(p);
	t = zx_mono_us();
	for (int i = 0; i < MANY; i++) {
		snprintf(number, sizeof(number), "0755%07d", i);
		ZX_CHECK_EQ(zx_plan_find_inbound(p, 1, 1, number, "13800138000")->h.id, i + 1);
	}
	t = zx_mono_us() - t;
	printf("# %d routes: a look-up takes %.2f us\n", MANY, (double)t / MANY);
	ZX_CHECK(t < (uint64_t)MANY * 100);
	mem_deref(p);
}

ZX_MAIN({"the most specific inbound route", inbound}, {"outbound: first match, number, trunks", outbound},
	{"the same as looking at all of them", property}, {"twenty thousand routes", many})
