#include "web/messages.h"

#include <string.h>

static const struct {
	const char *code;
	struct zx_text text;
} table[] = {
    {"bad_login", {"登录名或密码不正确", "Wrong login or password"}},
    {"throttled", {"尝试次数过多，请稍后再试", "Too many attempts, try again later"}},
    {"no_session", {"请先登录", "Please log in"}},
    {"must_change", {"请先修改密码", "Change your password first"}},
    {"forbidden", {"没有权限", "You have no right to do this"}},
    {"csrf", {"页面已过期，请刷新后重试", "The page is out of date, reload it"}},
    {"origin", {"请求来源不被允许", "The request comes from another site"}},
    {"not_found", {"找不到该记录或页面", "Not found"}},
    {"method", {"不支持的操作", "Method not allowed"}},
    {"bad_json", {"请求内容不是有效的 JSON", "The body is no valid JSON object"}},
    {"bad_query", {"查询参数不正确", "Malformed query"}},
    {"too_large", {"请求内容过大", "The body is too large"}},
    {"media_type", {"请求内容类型必须是 application/json", "The content type must be application/json"}},
    {"invalid", {"部分内容不正确，请检查标出的项目", "Some values are not right, see the marked fields"}},
    {"conflict", {"该记录已被他人修改", "Someone else has changed this record"}},
    {"in_use", {"正在使用中，不能删除", "In use, cannot be deleted"}},
    {"exists", {"部分号码已存在", "Some of the numbers exist already"}},
    {"licence", {"超过授权的分机数量", "The licence does not allow that many extensions"}},
    {"timeout", {"处理超时，请重试", "That took too long, try again"}},
    {"unavailable", {"系统正忙，请稍后再试", "The system is busy, try again shortly"}},
    {"disk_full", {"磁盘空间不足，无法保存", "The disk is full, nothing was saved"}},
    {"internal", {"系统内部错误", "Internal error"}},
    {"no_phone", {"您没有绑定分机", "No extension is bound to you"}},
    {"not_registered", {"您的话机未注册", "Your phone is not registered"}},
    {"busy", {"您的话机正忙", "Your phone is busy"}},
    {"no_call", {"当前没有通话", "There is no call"}},
    {"wrong_state", {"当前通话状态不允许此操作", "The call is not in a state for this"}},
    {"no_recording", {"没有录音", "There is no recording"}},
    {"range", {"请求的范围不存在", "The range does not exist"}},
};

const char *zx_message(const char *code, enum zx_lang lang)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i].code, code))
			return zx_text_in(&table[i].text, lang);
	return code;
}
