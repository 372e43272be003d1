#include "plan_util.h"

#include "plan/check.h"

/* "code resource id field level" of each problem, in order. */
static char told[8192], messages[16384];

static void on_problem(const struct zx_plan_problem *pr, void *arg)
{
	(void)arg;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s %s %d %s%s\n", pr->code, pr->resource, (int)pr->id, pr->field,
		 pr->error ? " !" : "");
	snprintf(messages + strlen(messages), sizeof(messages) - strlen(messages), "%s|%s|%s\n", pr->label, pr->zh, pr->en);
}

static bool taken_h(const char *number, void *arg)
{
	(void)arg;
	return !strcmp(number, "8007");
}

static bool sound_h(const char *sha, void *arg)
{
	(void)arg;
	return strcmp(sha, "lost") != 0;
}

static bool down_h(int64_t id, void *arg)
{
	(void)arg;
	return id == 9;
}

static const char *check_all(const char *text)
{
	const struct zx_plan_check_env env = {.number_taken = taken_h, .sound_there = sound_h, .trunk_down = down_h};
	struct zx_config_doc *d = pu_doc(text);

	*told = *messages = '\0';
	ZX_CHECK(d);
	ZX_CHECK_EQ(zx_plan_check(d, &env, on_problem, NULL), 0);
	zx_config_doc_free(d);
	return told;
}

ZX_TEST(good)
{
	ZX_CHECK_STR(check_all("{'company':1}"), "");
	ZX_CHECK_STR(check_all("{'company':1," PU_EXT "[5,'8001','Li',1],[6,'8002','',0]" PU_END "," PU_TRUNK
			       "[1,'a','127.0.0.2',5060,'peer','',''],[2,'r','sip.example.com',5060,'register','u','sealed']" PU_END
			       "," PU_QUEUE "[20,'q','9001','voicemail','4',null,0,600000,null]" PU_END "," PU_MEMBERS
			       "[20,5,1],[20,6,2]" PU_END "," PU_IVR "[21,'i','2000',30,1,'queue','20']" PU_END "," PU_KEYS
			       "[21,'1','queue','20',1],[21,'9','ivr','21',2]" PU_END "," PU_TIME
			       "[3,'work','09:00','17:59',1,5,null,'ivr','21','voicemail','4']" PU_END "," PU_IN
			       "[1,'all',null,1,'','',0,'time','3'],[2,'did',1,2,'X.','',0,'extension','']" PU_END "," PU_OUT
			       "[1,'o',1,'X.','','',null,1,2,null],[2,'never',2,'[1-3].','','',5,1,null,null]" PU_END
			       ",'voicemail_boxes':{'cols':['id','name'],'rows':[[4,'box']]},"
			       "'prompts':{'cols':['id','kind','file','sha'],'rows':[[30,'prompt','hello','x']]}}"),
		     "shadowed outbound_routes 2 pattern\n");
	ZX_CHECK(strstr(messages, "never|") && strstr(messages, "“o”") && strstr(messages, "\"o\""));
}

ZX_TEST(targets)
{
	ZX_CHECK_STR(check_all("{'company':1," PU_QUEUE "[20,'q','9001','queue','99',null,0,0,null]" PU_END "," PU_IVR
			       "[21,'i','2000',1,1,'','']" PU_END "," PU_KEYS
			       "[21,'1','extension','5',1],[21,'2','nonsense','',2],[21,'3','outside','',3]" PU_END "," PU_TIME
			       "[3,'t','09:00','10:00',null,null,null,'conference','1','hangup','']" PU_END "," PU_IN
			       "[1,'in',null,1,'1','',0,'prompt',''],[2,'ok',null,1,'2','',0,'outside','10086']" PU_END "}"),
		     "target_missing inbound_routes 1 app !\n"
		     "target_missing queues 20 app !\n"
		     "target_missing time_conditions 3 in_app !\n"
		     "target_app ivrs 21 app !\n"
		     "target_missing ivrs 21 keys !\n"
		     "target_app ivrs 21 keys !\n"
		     "target_number ivrs 21 keys !\n"
		     "queue_empty queues 20 members\n");
	ZX_CHECK(strstr(messages, "去向的队列不存在") && strstr(messages, "(conference)"));
}

ZX_TEST(loops)
{
	/* two time conditions that lead to each other; a menu that begins again; queues that overflow in a circle; a key back is none */
	ZX_CHECK_STR(check_all("{'company':1," PU_EXT "[5,'8001','',1]" PU_END "," PU_TIME
			       "[1,'a','09:00','10:00',null,null,null,'time','2','hangup',''],"
			       "[2,'b','09:00','10:00',null,null,null,'extension','5','time','1'],"
			       "[3,'c','09:00','10:00',null,null,null,'time','1','hangup','']" PU_END "," PU_IVR
			       "[21,'again','2000',1,1,'ivr','21'],[22,'back','2001',1,1,'hangup','']" PU_END "," PU_KEYS
			       "[22,'1','ivr','22',1]" PU_END "," PU_QUEUE
			       "[31,'x','9001','queue','32',null,0,0,null],[32,'y','9002','ivr','23',null,0,0,null]" PU_END "," PU_MEMBERS
			       "[31,5,1],[32,5,1]" PU_END "}"),
		     "target_missing queues 32 app !\nloop time_conditions 1 in_app !\nloop ivrs 21 app\n");
	ZX_CHECK(strstr(messages, "a → b → a") && strstr(messages, "2000 again → 2000 again"));
	ZX_CHECK_STR(check_all("{'company':1," PU_EXT "[5,'8001','',1]" PU_END "," PU_QUEUE
			       "[31,'x','9001','queue','32',null,0,0,null],[32,'y','9002','time','1',null,0,0,null]" PU_END "," PU_MEMBERS
			       "[31,5,1],[32,5,1]" PU_END "," PU_TIME
			       "[1,'t','09:00','10:00',null,null,null,'queue','31','hangup','']" PU_END "}"),
		     "loop time_conditions 1 in_app\n");
}

ZX_TEST(numbers)
{
	ZX_CHECK_STR(check_all("{'company':1," PU_EXT "[5,'8001','',1],[6,'8007','',1],[7,'9001','',1]" PU_END "," PU_QUEUE
			       "[20,'q','9001','hangup','',null,0,0,null]" PU_END "," PU_MEMBERS "[20,5,1]" PU_END "}"),
		     "number_taken extensions 6 number !\nnumber_twice queues 20 number !\n");
}

ZX_TEST(shadows)
{
	ZX_CHECK_STR(check_all("{'company':1," PU_TRUNK "[1,'a','127.0.0.2',5060,'peer','','']" PU_END "," PU_IN
			       "[1,'x',null,5,'0755X.','',0,'hangup',''],"
			       "[2,'same',null,6,'0755[0-9].','',0,'hangup',''],"
			       "[3,'by trunk',1,9,'0755X.','',0,'hangup',''],"
			       "[4,'caller',null,9,'0755X.','138.',0,'hangup',''],"
			       "[5,'wide',null,1,'0.','',0,'hangup','']" PU_END "," PU_OUT
			       "[1,'local',10,'[2-8]XX.','','',null,1,null,null],"
			       "[2,'all',20,'X.','','',null,1,null,null],"
			       "[3,'mobile',30,'1[3-9]XXXXXXXXX','','',null,1,null,null],"
			       "[4,'hash',40,'#X.','','',null,1,null,null],"
			       "[5,'mine',5,'X.','','',7,1,null,null],"
			       "[6,'mine too',6,'9.','','',7,1,null,null]" PU_END "}"),
		     "shadowed inbound_routes 2 pattern\n"
		     "shadowed outbound_routes 6 pattern\n"
		     "shadowed outbound_routes 3 pattern\n");
}

ZX_TEST(others)
{
	ZX_CHECK_STR(
	    check_all(
		"{'company':1," PU_EXT "[5,'8001','',1]" PU_END "," PU_TRUNK
		"[1,'reg','sip.example.com',5060,'register','user',''],[2,'gw','',5060,'gateway','',''],[3,'nohost','',5060,'peer','',''],"
		"[9,'down','127.0.0.9',5060,'peer','','']" PU_END "," PU_QUEUE
		"[20,'empty','9001','hangup','',null,0,60000,null],[21,'late','9002','hangup','',22,60000,60000,31]" PU_END "," PU_MEMBERS
		"[21,5,1]" PU_END "," PU_IVR "[22,'mute','2000',null,0,'hangup','']" PU_END "," PU_TIME
		"[1,'same','09:00','10:00',null,null,null,'extension','5','extension','5'],"
		"[2,'always','','',null,null,null,'extension','5','hangup','']" PU_END "," PU_OUT
		"[1,'none',1,'1.','','',null,77,null,null],[2,'twice',2,'2.','','',null,9,9,null]" PU_END
		",'prompts':{'cols':['id','kind','file','sha'],'rows':[[30,'prompt','unused','lost'],[31,'music','used','lost'],[32,'music'"
		",'x','y']]}}"),
	    "queue_empty queues 20 members\n"
	    "queue_ivr_late queues 21 ivr_after\n"
	    "ivr_no_keys ivrs 22 keys\n"
	    "ivr_no_prompt ivrs 22 prompt_id\n"
	    "time_same time_conditions 1 out_app\n"
	    "time_always time_conditions 2 out_app\n"
	    "trunk_account trunks 1 secret !\n"
	    "trunk_account trunks 2 account !\n"
	    "trunk_host trunks 3 host !\n"
	    "trunk_down trunks 9 host\n"
	    "outbound_no_trunk outbound_routes 1 trunk1_id !\n"
	    "outbound_same_trunk outbound_routes 2 trunk2_id\n"
	    "sound_missing prompts 30 file\n"
	    "sound_missing music 31 file !\n");
}

ZX_MAIN({"nothing wrong with a good one", good}, {"targets that are not there", targets}, {"circles", loops}, {"numbers", numbers},
	{"rules that can never match", shadows}, {"everything else", others})
