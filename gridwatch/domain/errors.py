"""Every refusal of the product, as one catalogue: stable code, HTTP status, what happened, what to do.

Clients act on `code` and `facts`; people read `title`, `detail` and `do`. A code is never renamed or reused.
Texts are templates over the facts, Chinese first, English beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue. `status` is the HTTP status; the four texts are format strings over the facts."""

    status: int
    title_zh: str
    title_en: str
    do_zh: str
    do_en: str


class Refusal(Exception):
    """A refusal that the caller can act on. Raised by rules and services, having changed nothing.

    `code` must stand in CATALOGUE; `facts` are JSON values that a client can use; `headers` go out with the answer.
    """

    def __init__(self, code: str, /, *, headers: dict[str, str] | None = None, **facts: Any) -> None:
        self.code = code
        self.entry = CATALOGUE[code]
        self.facts = facts
        self.headers = headers or {}
        super().__init__(f"{code} {facts}" if facts else code)

    def title(self, language: str = "zh") -> str:
        """The sentence that says what happened, in `zh` or `en`."""
        return _fill(self.entry.title_en if language == "en" else self.entry.title_zh, self.facts)

    def do(self, language: str = "zh") -> str:
        """The sentence that says what the reader can do, in `zh` or `en`."""
        return _fill(self.entry.do_en if language == "en" else self.entry.do_zh, self.facts)


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"


def _fill(text: str, facts: dict[str, Any]) -> str:
    return text.format_map(_Blank(facts))


# fmt: off
CATALOGUE: dict[str, Entry] = {
    # --- HTTP itself -------------------------------------------------------------------------------------------
    "http.bad_request":        Entry(400, "请求无法解析", "The request cannot be read", "请检查请求正文的格式后重试。", "Check the format of the request body and try again."),
    "http.not_found":          Entry(404, "没有这个地址", "There is nothing at this address", "请检查地址；也可能不在您的管辖范围内。", "Check the address; it may also lie outside your reach."),
    "http.method_not_allowed": Entry(405, "这个地址不支持该方法", "This address does not take that method", "请按 Allow 列出的方法调用。", "Use one of the methods listed in Allow."),
    "http.unsupported_media":  Entry(415, "只接受 application/json", "Only application/json is accepted", "请以 JSON 发送。", "Send the body as JSON."),
    "http.too_large":          Entry(413, "请求正文过大", "The request body is too large", "请缩小后重试。", "Send less at once."),
    "http.crashed":            Entry(500, "服务器出错，未做任何更改", "The server failed; nothing was changed", "请稍后重试，并把 request_id 告诉管理员。", "Try again later and give the request_id to an administrator."),
    "http.busy":               Entry(503, "系统繁忙，未做任何更改", "The system is busy; nothing was changed", "请按 Retry-After 稍后重试。", "Try again after the time in Retry-After."),
    "http.refused":            Entry(400, "请求被拒绝", "The request was refused", "请检查后重试。", "Check the request and try again."),
    # --- input -------------------------------------------------------------------------------------------------
    "input.invalid":           Entry(422, "填写的内容有误", "Some fields are not right", "请按 facts.fields 逐项修改。", "Correct the fields named in facts.fields."),
    "input.cursor":            Entry(422, "翻页标记无效", "The paging cursor is not valid", "请从第一页重新开始。", "Start again from the first page."),
    # --- sign-in -----------------------------------------------------------------------------------------------
    "auth.required":           Entry(401, "请先登录", "Please sign in", "请登录后重试；手机上未发送的内容都还在。", "Sign in and try again; what a phone has not sent is still there."),
    "auth.expired":            Entry(401, "登录已过期", "The sign-in has expired", "请刷新登录，不成再用密码登录；手机上未发送的内容都还在。", "Refresh the sign-in, or sign in again; what a phone has not sent is still there."),
    "auth.wrong":              Entry(401, "用户名或密码不对", "User name or password is wrong", "请核对后再试；连续五次错误将暂停 15 分钟。", "Check both; after five failures the name pauses for 15 minutes."),
    "auth.locked":             Entry(429, "尝试次数过多，暂停登录", "Too many tries; sign-in is paused for this name", "请在 {retry_after_s} 秒后再试。已登录的手机不受影响。", "Try again in {retry_after_s} seconds. Phones that are signed in are not affected."),
    "auth.reused":             Entry(401, "登录凭据被重复使用，已注销此登录", "A used refresh token came back; this sign-in was ended", "请用密码重新登录；未发送的内容都还在。", "Sign in with the password again; unsent work is still there."),
    "auth.form_expired":       Entry(403, "页面已失效，未做任何更改", "This page is out of date; nothing was changed", "请刷新页面后重试。", "Reload the page and try again."),
    "auth.forbidden":          Entry(403, "您的岗位不能做这一步", "Your role may not do this", "需要的岗位见 facts.wanted。", "See facts.wanted for the roles that may."),
    # --- areas, places, people ---------------------------------------------------------------------------------
    "area.not_found":          Entry(404, "没有这个区域", "There is no such area", "请检查区域代码。", "Check the area code."),
    "grid.not_found":          Entry(404, "没有这个网格", "There is no such grid", "请检查网格代码。", "Check the grid code."),
    "grid.edit_not_found":     Entry(404, "没有这次网格调整", "There is no such edit of grids", "请检查编号。", "Check the id."),
    "grid.edit_changed":       Entry(409, "这次网格调整已被他人更新（现为第 {version} 版）", "The edit was changed meanwhile (version {version} now)", "请重新打开，看过现状再决定。", "Open it again and decide on what it says now."),
    "grid.edit_state":         Entry(409, "这次网格调整已不是草稿（{state}）", "The edit is no draft any more ({state})", "请另起一次调整。", "Draw another edit."),
    "grid.edit_pending":       Entry(409, "网格 {grid} 已有调整，{last_on} 是它的最后一天", "Grid {grid} is being redrawn already; {last_on} is its last day", "请等那次调整生效，再调整新的网格。", "Wait until that edit applies, then redraw the new grids."),
    "grid.edit_day":           Entry(422, "生效日应在明天起一年之内", "The day must lie between tomorrow and a year ahead", "同一天只有一张网格图，请改生效日。", "A day has one map; choose another day."),
    "grid.edit_numbers":       Entry(422, "网格数目与调整方式不符（原 {old} 个，新 {new} 个）", "The numbers of grids do not fit the kind of edit (old {old}, new {new})", "拆分：1 个变多个；合并：多个变 1 个；划转：2 个变 2 个。", "A split makes several of one, a merge one of several, a handing over two of two."),
    "grid.edit_communities":   Entry(422, "只能在同一个社区内调整网格", "Grids are redrawn within one community", "社区界线的变更请先由街道报批后重新导入。", "Where communities end is decided elsewhere; load the new areas first."),
    "grid.edit_pieces":        Entry(422, "这条线把网格分成 {pieces} 块，名称却有 {named} 个", "The line cuts the grid into {pieces} pieces, {named} are named", "请让线的两端伸出网格边界，并为每一块命名。", "Let the line reach beyond the border at both ends, and name each piece."),
    "grid.edit_part":          Entry(422, "划转的部分应在第一个网格内，且不能是整个网格", "The part must lie in the first grid and leave something of it", "请重新画出要划转的部分；整个划转请用合并。", "Draw the part again; to hand over all of it, merge."),
    "grid.edit_shape":         Entry(422, "图形不能用：{why}", "The shape cannot be used: {why}", "请按 GeoJSON 重新画出，轮廓不能自相交。", "Draw it again as GeoJSON; an outline must not cross itself."),
    "grid.edit_overlap":       Entry(422, "「{name}」与「{other}」重叠约 {area_m2} 平方米", "{name} overlaps {other} by some {area_m2} m²", "请改到不重叠；相距半米以内的边界会自动对齐。", "Draw them apart; borders within half a metre are aligned by themselves."),
    "grid.edit_gap":           Entry(422, "约 {area_m2} 平方米将不属于任何网格", "Some {area_m2} m² would belong to no grid", "请把空出来的地方划给某个网格。", "Give the ground that is left to one of the grids."),
    "grid.edit_orphans":       Entry(422, "有 {count} 个标准地址将不属于任何网格", "{count} standard addresses would belong to no grid", "facts.addresses 列出了这些地址；请把它们划进某个网格。", "facts.addresses names them; draw the grids around them."),
    "handover.not_found":      Entry(404, "没有这次交接", "There is no such handover", "请检查编号。", "Check the id."),
    "handover.id_reused":      Entry(409, "这个编号已用于另一次交接", "This id was used for another handover", "请为新的交接用新编号。", "Give a new handover a new id."),
    "handover.nothing":        Entry(409, "没有可交接的工作", "There is nothing to hand over", "请检查人员或网格。", "Check the person or the grid."),
    "handover.beyond_reach":   Entry(409, "此人还有 {count} 项工作（网格、任务或线索）不在您的辖区", "{count} grids, tasks or leads of this person lie outside your area", "请由上一级办理交接。", "Let the desk above hand over."),
    "handover.target_unfit":   Entry(409, "{name} 不能接手：账号停用，或在这些网格没有网格员岗位", "{name} cannot take over: disabled, or no worker's role in these grids", "请先启用账号、授予岗位，或换一人；网格见 facts.grids。", "Enable the account, give the role, or choose another; see facts.grids."),
    "handover.too_many_grids": Entry(409, "{name} 接手后将超过 {most} 个网格", "{name} would hold more than {most} grids", "请分给几个人。", "Divide it among several people."),
    "handover.other_community": Entry(409, "两个网格不在同一社区", "The two grids lie in different communities", "跨社区请按人交接，或逐件处理。", "Across communities hand over by person, or one by one."),
    "handover.same":           Entry(422, "交出方和接手方不能相同", "Source and target are the same", "请另选接手方。", "Choose another target."),
    "handover.days":           Entry(422, "代班日期应从今天起，先始后终，不超过一年", "A cover begins today or later, ends after it begins, and lasts a year at most", "请改日期。", "Correct the days."),
    "department.not_found":    Entry(404, "没有这个部门", "There is no such department", "请检查部门代码。", "Check the department code."),
    "person.not_found":        Entry(404, "没有这个人员", "There is no such person", "请检查人员编号。", "Check the id of the person."),
    "device.not_found":        Entry(404, "没有这台设备", "There is no such device", "请检查设备编号。", "Check the id of the device."),
    "address.not_found":       Entry(404, "没有标准地址 {code}", "There is no standard address {code}", "请检查地址代码，或先导入地址。", "Check the address code, or load the addresses first."),
    "address.name_taken":      Entry(409, "「{text}」已是标准地址 {code} 的名称", "“{text}” is a name of the standard address {code} already", "请核对后在那个地址上办理。", "Check, and work on that address."),
    "place.point_incomplete":  Entry(422, "经度和纬度要么都填，要么都不填", "Give both longitude and latitude, or neither", "请补全坐标，或都留空由人工分派。", "Complete the point, or leave both out and a person will decide."),
    "place.datum_unstated":    Entry(422, "没有说明坐标系", "The datum of the point is not stated", "请用 datum 说明 WGS84、CGCS2000、GCJ02（高德、腾讯）还是 BD09（百度）。", "Say in datum whether it is WGS84, CGCS2000, GCJ02 (AMap, Tencent) or BD09 (Baidu)."),
    "place.datum_unknown":     Entry(422, "不认识坐标系 {datum}", "The datum {datum} is not known", "请用 WGS84、CGCS2000、GCJ02（高德、腾讯）或 BD09（百度）。", "Use WGS84, CGCS2000, GCJ02 (AMap, Tencent) or BD09 (Baidu)."),
    "place.swapped":           Entry(422, "经度和纬度写反了（{lon}, {lat}）", "Longitude and latitude are swapped ({lon}, {lat})", "请先经度、后纬度。", "Longitude comes first, then latitude."),
    "place.outside_china":     Entry(422, "坐标不在中国境内（{lon}, {lat}）", "The point ({lon}, {lat}) does not lie in China", "请检查坐标与坐标系。", "Check the coordinates and the datum."),
    # --- maps --------------------------------------------------------------------------------------------------
    "map.bbox":                Entry(422, "bbox 有误：{reason}", "The bbox is not right: {reason_en}", "请写 bbox=西,南,东,北，WGS-84 度数，经度在前。", "Write bbox=west,south,east,north in degrees WGS-84, longitude first."),
    "map.tile":                Entry(422, "没有瓦片 {tile}", "There is no tile {tile}", "级别为 0 到 {most}，行列号为 0 到 2^级别-1。", "Zoom is 0 to {most}; column and row are 0 to 2^zoom - 1."),
    "map.crs":                 Entry(422, "不能换算为 {crs}", "Coordinates are not given in {crs}", "请用 WGS84、GCJ02（高德、腾讯）或 BD09（百度）。", "Use WGS84, GCJ02 (AMap, Tencent) or BD09 (Baidu)."),
    "map.too_many_clusters":   Entry(422, "聚合点超过 {most} 个", "There are more than {most} clusters", "请给出 bbox，或缩小 cluster 级别。", "Give a bbox, or a lower cluster zoom."),
    # --- calendar ----------------------------------------------------------------------------------------------
    "calendar.day_outside":    Entry(422, "日期 {day} 不在日历范围内", "The day {day} lies outside the calendar", "请检查日期；日历覆盖 2000 至 2100 年。", "Check the date; the calendar covers 2000 to 2100."),
    "calendar.notice_invalid": Entry(422, "放假安排无法导入", "The holiday notice cannot be imported", "请按 facts.problems 修改后重新导入。", "Correct what facts.problems names and import again."),
    "calendar.area_too_small": Entry(422, "区域 {area} 不能单独规定工作日", "The area {area} cannot order work days of its own", "请写街道或以上区域的代码。", "Name a street or an area above it."),
    "policy.invalid":          Entry(422, "时限有误：{reason}", "The time limits are not right: {reason}", "请更正后重试；名称见 gridwatch policy list。", "Correct them and try again; gridwatch policy list shows the names."),
    # --- entities and tasks ------------------------------------------------------------------------------------
    "entity.not_found":        Entry(404, "没有这个市场主体", "There is no such entity", "请检查编号。", "Check the id."),
    "entity.uscc_invalid":     Entry(422, "统一社会信用代码 {uscc} 无效：{reason}", "The credit code {uscc} is not valid: {reason_en}", "请对照证照更正；没有代码的请留空。", "Compare with the licence; leave it blank where there is none."),
    "registry.entity_known":   Entry(409, "编号 {code} 的市场主体已登记", "Entity {code} is registered already", "变更请用 address、scope、details 或 deregistered 事件。", "Send changes as an address, scope, details or deregistered event."),
    "registry.incomplete":     Entry(422, "登记事件缺少内容", "The registry event lacks something", "请补全 facts.missing 所列内容。", "Fill in what facts.missing lists."),
    "registry.day_in_future":  Entry(422, "登记事件的日期 {day} 晚于今天", "The day of the event, {day}, lies after today", "请检查日期。", "Check the day."),
    "registry.event_reused":   Entry(409, "事件编号 {event_id} 已用于另一内容", "Event id {event_id} was used for other content", "同一事件请原样重发；新的事件请用新编号。", "Resend the same event unchanged, or give a new event a new id."),
    "task.not_found":          Entry(404, "没有这项任务", "There is no such task", "请检查编号。", "Check the id."),
    "task.already_routed":     Entry(409, "这项任务已分到网格 {grid}", "This task is already routed to grid {grid}", "如需改派，请先打开任务查看。", "Open the task to reassign it."),
    "cycle.days":              Entry(422, "起止日期 {from_on} 至 {until_on} 不对", "The days {from_on} to {until_on} cannot be", "止日不能早于起日，也不能早于今天。", "The last day is neither before the first one nor before today."),
    "campaign.not_found":      Entry(404, "没有这个专项", "There is no such campaign", "请检查编号。", "Check the id."),
    "campaign.days":           Entry(422, "专项的日期不对：{from_on} 起，{due_on} 止", "The days of the campaign cannot be: from {from_on} until {due_on}", "止日不能早于起日，起日不能早于今天。", "It does not end before it begins, nor begin before today."),
    "campaign.items":          Entry(422, "专项不能用这些事项：{items}", "A campaign cannot ask for these items: {items}", "请用在用的入格事项；复检、核查结案由线索产生。", "Use inspection items in force; rechecks and verifications come from leads."),
    "campaign.no_targets":     Entry(422, "没有符合条件的市场主体", "No entity fits", "请检查区域、行业标签和主体类型。", "Check the area, the sector and the type of entity."),
    "campaign.name_taken":     Entry(409, "这个区域已有同名专项「{name}」", "There is a campaign “{name}” in this area already", "请查看已有的专项，或换一个名称。", "Look at it, or choose another name."),
    "campaign.targets_open":   Entry(409, "还有 {open} 个对象没有销号", "{open} targets are still open", "请完成走访、逐个销号，或写明理由一并取消其余对象。", "Visit them, tick them off one by one, or cancel the rest with a reason."),
    "campaign.closed":         Entry(409, "专项已结束", "The campaign is closed", "结束后不再更改；如需再查，请另立专项。", "It stays as it is; order another one."),
    "inspection.licences":     Entry(422, "行政检查须由两名执法人员进行，执法证号须不同", "An inspection takes two officers with different licence numbers", "请填写两个不同的执法证号。", "Give two different licence numbers."),
    "inspection.cap_reached":  Entry(409, "该主体今年已检查 {done} 次，上限 {most} 次", "This entity was inspected {done} times this year; the limit is {most}", "投诉、转办、数据监测等线索引起的检查，请填写原因代码和文号。", "An inspection for cause (a complaint, a transfer, an alarm) names its cause and paper."),
    "inspection.id_taken":     Entry(409, "这个编号已用于另一次检查", "This id was used for another inspection", "请用新编号。", "Use a new id."),
    "inspection.time":         Entry(422, "检查时间 {at} 不合理", "An inspection cannot have been at {at}", "应在最近 31 天内，且不晚于现在。", "It lies within the last 31 days and not after now."),
    "inspection.cause":        Entry(422, "检查原因和文号须同时填写", "A cause and its paper go together", "有原因的检查填写文号；计划内的检查两项都留空。", "Give the paper of the cause; leave both empty for a planned inspection."),
    "inspection.cap_days":     Entry(422, "上限的生效日期 {on} 早于今天", "The limit cannot be in force from {on}, which has passed", "请填今天或以后的日期。", "Give today or a later day."),
    "task.visit_built_on":    Entry(409, "这次走访已有后续（{built}），不能自动撤回", "Something was built on this visit ({built}); it is not taken back by itself", "请由社区或街道核对后处理。", "The community or the street decides."),
    "task.wrong_state":        Entry(409, "任务目前是「{state}」，不能这样做", "The task is “{state}”; this cannot be done now", "请刷新任务后再试。", "Refresh the task and try again."),
    "item.not_found":         Entry(404, "没有这个入格事项或版本", "There is no such inspection item or version", "请检查代码与版本号；现有的见 GET /api/v1/items。", "Check the code and the number; GET /api/v1/items lists those that there are."),
    "item.invalid":           Entry(422, "入格事项不合格式，未发布", "The inspection item is not right; nothing was published", "请按 facts.fields 逐项更正，可先用 items/check 试。", "Correct what facts.fields names; items/check tries it without publishing."),
    "item.burden_grown":      Entry(422, "负担超过上限，要写明理由", "The burden grows past a limit; a reason is needed", "请减少 facts.grown 所列的问题或照片，或在 reason 中写明理由（至少 {least} 字）。", "Ask less of what facts.grown names, or give the reason (at least {least} characters)."),
    "item.version_exists":    Entry(409, "{version} 已发布，内容不同", "{version} is published with other content", "已发布的版本不能改；请用第 {next} 版发布。", "A published version never changes; publish as version {next}."),
    "item.version_in_use":    Entry(409, "{version} 自 {since} 起在用，不能撤回", "{version} is in use since {since} and cannot be withdrawn", "手机上可能还有按它填的记录；请发布下一版，旧版再收 12 个月。", "Phones may hold forms filled in on it; publish the next version, and this one is accepted for 12 more months."),
    "market.not_found":       Entry(404, "没有这个市场", "There is no such market", "请检查代码；它也可能不在您的管辖范围内。", "Check the code; the market may also lie outside your reach."),
    "market.exists":          Entry(409, "{market} 或网格 {grid} 已是另一个市场", "{market} or the grid {grid} is another market already", "一个网格只有一个市场；请检查代码、名称和网格。", "A grid is one market; check code, name and grid."),
    "market.stalls_invalid":  Entry(422, "铺位有误，未保存", "The stalls are not right; nothing was kept", "请按 facts.fields 逐项更正。", "Correct what facts.fields names."),
    "market.checklist_invalid": Entry(422, "作业清单有误，未发布", "The checklist is not right; nothing was published", "请按 facts.fields 逐项更正；现有事项版本见 GET /api/v1/items。", "Correct what facts.fields names; GET /api/v1/items lists the items."),
    "market.round_invalid":   Entry(422, "自查记录有误", "The round is not right", "请按 facts.fields 逐项更正。", "Correct what facts.fields names."),
    "market.own":             Entry(403, "市场管理方不能抽查市场，也看不到抽中哪些铺位", "A market manager neither checks markets nor sees what is drawn", "请由网格员或社区抽查。", "Leave spot checks to a grid worker or the community."),
    "market.draw_not_found":  Entry(404, "{month} 没有这次抽查", "There is no such spot check in {month}", "请先登记种子（POST …/draws），再抽取。", "Put the seed on record first (POST …/draws), then draw."),
    "market.month_past":      Entry(422, "{month} 已过，不能再登记抽查", "{month} is over; its spot check can no longer be announced", "请填本月或以后的月份。", "Name this month or a later one."),
    "market.not_its_month":   Entry(409, "今天不在 {month}，不能抽取", "Today is not in {month}; nothing can be drawn for it", "只在当月抽取；请登记并抽取本月的。", "Stalls are drawn in the month itself; announce and draw that of this month."),
    "market.announced":       Entry(409, "{month} 的抽查已登记，抽 {size} 个铺位", "The spot check of {month} is on record with {size} stalls", "种子和数量登记后不能改。", "Seed and size never change once they are on record."),
    "market.no_stalls":       Entry(409, "市场今天没有在用的铺位", "The market has no stall in use today", "请先登记铺位。", "Enter the stalls first."),
    "market.checked":         Entry(409, "{month} 抽中的铺位已有抽查记录", "These stalls of {month} have been checked already", "第一份抽查记录有效；facts.stalls 是已查的铺位。", "The first check counts; facts.stalls names the stalls."),
    # --- leads -------------------------------------------------------------------------------------------------
    "lead.not_found":          Entry(404, "没有这条线索", "There is no such lead", "请检查编号。", "Check the id."),
    "lead.not_your_desk":      Entry(403, "这一步不由您的岗位办理", "This step is not done at your desk", "可办理的岗位见 facts.wanted。", "See facts.wanted for the roles that do it."),
    "lead.same_person":        Entry(403, "申请人和确认人不能是同一人", "The same person may not ask and confirm", "请由另一位有权人员确认。", "Let another authorised person confirm."),
    "lead.changed_meanwhile":  Entry(409, "线索已被他人更新（现为第 {version} 版）", "The lead was changed meanwhile (now version {version})", "请刷新后再办；您填写的内容没有丢失。", "Refresh and try again; keep what you typed."),
    "lead.step_not_allowed":   Entry(409, "线索目前是「{state}」，不能办理「{act}」", "The lead is “{state}”; “{act}” cannot be done now", "目前可办的步骤见 facts.allowed。", "See facts.allowed for what can be done now."),
    "lead.both_dispatched":    Entry(409, "已在部门办理的线索不能并案", "A lead that is with a department cannot be merged", "请改用「关联线索」。", "Link the two as related instead."),
    "lead.guard_failed":       Entry(409, "条件不满足：{reason}", "A condition is not met: {reason}", "请先满足 facts.guard 指出的条件。", "Meet the condition that facts.guard names first."),
    "lead.input_missing":      Entry(422, "缺少必填内容", "Something required is missing", "请补全 facts.missing 所列内容。", "Fill in what facts.missing lists."),
    "lead.no_package":         Entry(404, "这条线索没有导出过这样的材料包", "No such package was exported of this lead", "请先导出材料包（POST 同一地址）。", "Export the package first (POST to the same address)."),
    "lead.input_invalid":      Entry(422, "填写的内容不合要求：{reason}", "What was entered is not right: {reason}", "请按 facts.fields 修改。", "Correct what facts.fields names."),
    # --- notices -----------------------------------------------------------------------------------------------
    "notice.not_found":        Entry(404, "没有这条提醒", "There is no such notice", "请检查编号；提醒只有收件人本人能看。", "Check the id; a notice is seen by its recipient only."),
    "contact.channel_unknown": Entry(404, "没有这个渠道", "There is no such channel", "可用的渠道见 facts.channels。", "See facts.channels for those that there are."),
    # --- sync --------------------------------------------------------------------------------------------------
    "sync.batch_too_large":    Entry(413, "一次发送过多", "Too much in one batch", "请减半后分批发送；每批最多 {max_items} 条、{max_bytes} 字节。", "Halve the batch: at most {max_items} items and {max_bytes} bytes."),
    "sync.undecodable":        Entry(400, "请求正文无法解析", "The body cannot be decoded", "请检查 JSON 与压缩格式；手机请减半重试。", "Check the JSON and the compression; a phone halves the batch."),
    "sync.schema_too_old":     Entry(409, "应用版本过旧，暂不能下载新数据", "This build is too old to pull", "请升级应用；已填写的内容仍可发送。", "Update the app; what was filled in can still be sent."),
    "sync.scope_not_found":    Entry(404, "没有这个范围", "There is no such scope", "请检查 scope；它可能从未由您负责。", "Check the scope; it may never have been yours."),
    "sync.too_many_scopes":    Entry(422, "一次最多 64 个范围", "At most 64 scopes in one request", "请减少 scopes 后重试。", "Name fewer scopes."),
    "sync.review_not_found":  Entry(404, "没有这条待核对的记录", "There is no such item to review", "请检查回执号；它也可能不在您的管辖范围内。", "Check the number on the receipt; the item may also lie outside your reach."),
    "sync.review_own":        Entry(403, "这是您自己发送的记录，应由别人核对", "You sent this item yourself; somebody else decides it", "请由社区或街道的另一位同事处理。", "Leave it to a colleague in the community or the street."),
    "sync.review_changed":    Entry(409, "您看过之后这条记录有变化（现为第 {version} 版）", "The item changed after you saw it (version {version} now)", "请重新打开，看过现状再决定。", "Open it again and decide on what it says now."),
    "sync.review_decided":    Entry(409, "这条记录不等这样的决定", "The item does not wait for this decision", "请重新打开，看它现在的结果。", "Open it again to see what became of it."),
    "sync.review_first_counts": Entry(409, "同一编号的第一份内容已生效（回执 {no}），不能再换成这一份", "The first content under this id took effect (receipt {no}); this one cannot take its place", "请选「另立一条」，两份都保留；多余的再撤回。", "Keep both apart, then take back the one that is too much."),
    "sync.review_invalid":    Entry(422, "内容还不能生效", "It cannot be applied like this yet", "请按 facts.fields 逐项更正后再试，或不采用。", "Correct what facts.fields names and try again, or refuse the item."),
    "sync.review_against_rule": Entry(409, "按现在的情况不能生效：{reason}", "It cannot be applied as things stand: {reason}", "请看现在的任务或线索；办不了的，写明原因后不采用。", "Look at the task or lead as it is now; if it cannot be done, refuse the item and say why."),
    "sync.import_unreadable": Entry(422, "这不是手机导出的文件，或已损坏", "This is no export of a phone, or it is damaged", "请让对方重新导出，原样传来（不要改名改内容）。", "Have it exported again and passed on as it is."),
    "sync.import_other_key":  Entry(422, "这个文件是为另一台服务器导出的", "This file was made for another server", "请在那部手机登录的服务器上导入；钥匙更换过的，让手机同步后重新导出。", "Import it on the server that the phone signs in to; if the key was replaced, sync the phone and export again."),
    # --- files -------------------------------------------------------------------------------------------------
    "file.not_found":          Entry(404, "没有这份文件", "There is no such file", "请检查哈希值；也可能不在您的管辖范围内，或尚未上传。", "Check the hash; the file may also lie outside your reach, or not be uploaded yet."),
    "file.no_preview":         Entry(404, "这份文件没有预览图", "There is no preview of this file", "请下载原件查看。", "Download the original."),
    "file.upload_not_found":   Entry(404, "没有这次上传", "There is no such upload", "它可能已过期、已终止或未通过校验，请重新创建上传。", "It may have expired, been ended or failed its check; create the upload again."),
    "file.is_evidence":        Entry(403, "上传已完成，证据不能删除", "The upload is finished; evidence is not removed", "无需再做什么。", "There is nothing left to do."),
    "file.tus_version":        Entry(412, "只支持 tus 1.0.0", "Only tus 1.0.0 is spoken here", "请发送 Tus-Resumable: 1.0.0。", "Send Tus-Resumable: 1.0.0."),
    "file.header_invalid":     Entry(400, "请求头 {header} 缺失或无效", "The header {header} is missing or not right", "请按 tus 1.0.0 协议发送该请求头。", "Send this header as the tus 1.0.0 protocol says."),
    "file.chunk_type":         Entry(415, "分片应为 application/offset+octet-stream", "A chunk is application/offset+octet-stream", "请更正 Content-Type。", "Correct the Content-Type."),
    "file.hash_needed":        Entry(422, "缺少文件的 SHA-256", "The SHA-256 of the file is missing", "请在 Upload-Metadata 的 sha256 中给出 64 位小写十六进制。", "Give 64 lower-case hex digits as sha256 in Upload-Metadata."),
    "file.too_large":          Entry(413, "超过 {most_bytes} 字节", "More than {most_bytes} bytes", "请压缩图片后重新上传。", "Make the picture smaller and upload it again."),
    "file.too_many_pixels":    Entry(422, "图片超过 {most} 像素", "The picture has more than {most} pixels", "请缩小图片后重新上传。", "Make the picture smaller and upload it again."),
    "file.too_many":           Entry(422, "每条记录最多 {most} 个文件", "A record has at most {most} files", "请只保留必要的文件。", "Keep only the files that are needed."),
    "file.quota":              Entry(429, "未传完的文件已达 {most_bytes} 字节", "Unfinished uploads have reached {most_bytes} bytes", "请先传完或终止已开始的上传。", "Finish or end the uploads that were begun first."),
    "file.offset_moved":       Entry(409, "上传目前在第 {offset} 字节", "The upload stands at byte {offset}", "请先用 HEAD 查询位置，再从那里继续。", "Ask with HEAD where it stands and go on from there."),
    "file.chunk_damaged":      Entry(460, "分片与 Upload-Checksum 不符，未保存", "The chunk does not fit its Upload-Checksum and was not kept", "请重发这一分片。", "Send this chunk again."),
    "file.hash_mismatch":      Entry(460, "内容与 sha256 不符，上传已作废", "The content does not fit its sha256; the upload is discarded", "请重新计算哈希并重新上传。", "Compute the hash again and upload again."),
    "file.store_full":         Entry(507, "证据存储已满，未做任何更改", "The store of the evidence is full; nothing was changed", "请保留文件稍后重试，并告诉管理员扩容。", "Keep the file and try later; tell an administrator to make room."),
    "file.store_unreachable":  Entry(503, "证据存储暂不可用，未做任何更改", "The store of the evidence cannot be used now; nothing was changed", "请按 Retry-After 稍后重试。", "Try again after the time in Retry-After."),
    # --- tags and printing --------------------------------------------------------------------------------------------------
    "tag.not_found":           Entry(404, "没有这个二维码标签", "There is no such tag", "请核对编号；标签也可能不在您的管辖范围内。", "Check the code; the tag may also lie outside your reach."),
    "tag.not_live":            Entry(409, "这个标签已经停用", "This tag is not in use any more", "请查看标签的现状；需要新标签时重新发放。", "Look at what became of it; issue a new one where one is needed."),
    "tag.too_many":            Entry(422, "一次最多 {most} 个，现有 {count} 个", "At most {most} at once, these are {count}", "请分批办理，或使用命令 gridwatch tags。", "Do it in parts, or by the command gridwatch tags."),
    "tag.nothing_to_print":    Entry(422, "没有可打印的标签", "There is no tag to print", "请先发放标签，或检查编号。", "Issue tags first, or check the codes."),
    "tag.city_unfit":          Entry(422, "城市代码 {city} 不以六位区划代码开头", "The code of the city, {city}, does not begin with a six-digit division code", "请先更正区域代码。", "Correct the area code first."),
    "tag.no_public_url":       Entry(503, "尚未设置公众访问地址", "The public address is not set", "请管理员设置 GRIDWATCH_PUBLIC_URL 后再打印。", "An administrator sets GRIDWATCH_PUBLIC_URL before tags are printed."),
    "tag.code_taken":          Entry(409, "编码 {external} 当日已属于地址 {address}", "The code {external} belongs to address {address} on that day", "请先结束原来的对应关系。", "End that one first."),
    "tag.code_days":           Entry(422, "结束日期早于开始日期", "The last day lies before the first one", "请更正日期。", "Correct the days."),
    "print.no_font":           Entry(503, "服务器上没有中文字体，不能排版", "This server has no Chinese font to set papers in", "请告诉管理员安装 fonts-arphic-uming 或设置 GRIDWATCH_FONTS；JSON 等不排版的格式仍可下载。", "Tell an administrator to install fonts-arphic-uming or to set GRIDWATCH_FONTS; what is not set, such as JSON, can still be taken."),
    # --- complaints --------------------------------------------------------------------------------------------
    "complaint.not_found":     Entry(404, "没有这件投诉", "There is no such complaint", "请核对编号。", "Check the number."),
    "complaint.decided":       Entry(409, "这件投诉已经处理", "This complaint was decided already", "请刷新后查看处理结果。", "Refresh to see what was decided."),
    "complaint.number_taken":  Entry(409, "{source} 的编号 {number} 已登记", "Number {number} of {source} is registered already", "请查看已登记的那一件。", "Look at the one that is there."),
    "complaint.no_contact":    Entry(404, "没有留联系方式", "No contact was left", "办理结果可凭受理编号查询。", "The result can be asked for with the receipt number."),
    "complaint.names_informant": Entry(422, "内容中出现了投诉人的联系方式", "The text holds the contact of the complainant", "请删去能认出投诉人的内容后再转办。", "Take out whatever tells who complained, then pass it on."),
    "complaint.place_needed":  Entry(422, "看不出在哪里", "Nothing says where it is", "请填写主体、标准地址或所在社区。", "Name an entity, a standard address or a community."),
    "complaint.too_often":     Entry(429, "提交过于频繁", "Too much was sent", "请在 {retry_after_s} 秒后再试；紧急情况请拨打 12345。", "Try again in {retry_after_s} seconds; call 12345 if it is urgent."),
    # --- load --------------------------------------------------------------------------------------------------
    "load.refused":            Entry(422, "文件有 {count} 处问题，未写入任何内容", "The file has {count} problems; nothing was written", "请按列出的行、列逐项修改后重新导入。", "Correct the listed rows and columns and load again."),
}
# fmt: on
