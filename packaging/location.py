#!/usr/bin/python3
"""Makes location.dat, the number locations of mainland China, from Debian's python3-phonenumbers (libphonenumber's data, Apache-2.0).

	location.py OUT            the file zuoxid reads (src/crm/location.c has the layout)
	location.py OUT --csv CSV  also every row as CSV: prefix, province, city, area code, carrier

The same data give the same bytes."""
import argparse
import binascii
import os
import struct
import sys

try:
	from phonenumbers.carrierdata import CARRIER_DATA
	from phonenumbers.geodata import GEOCODE_DATA
except ImportError as e:
	sys.exit(f"location.py: {e}: install Debian's python3-phonenumbers")

MAGIC, VERSION = b"ZXLOC\r\n\x1a", 1
FIRST, LAST = 1300000, 1999999  # 7-digit mobile prefixes
BLOCK = 1000                    # prefixes a block

# The source drops the last digit of an area code that is alone in its decade.
WHOLE_CODE = {"33": "335", "34": "349", "58": "580", "70": "701"}

# Places renamed since, and misspelt ones; the new name without its province.
RENAMED = {
	"襄樊市": "襄阳市", "株州市": "株洲市", "铜仁地区": "铜仁市", "毕节地区": "毕节市", "海东地区": "海东市", "日喀则地区": "日喀则市",
	"山南地区": "山南市", "林芝地区": "林芝市", "昌都地区": "昌都市", "那曲地区": "那曲市", "哈密地区": "哈密市", "吐鲁番地区": "吐鲁番市",
}

# Cities that share the area code of a neighbour or are not among the source's fixed lines, and those with more than one code there.
AREA_OF = {
	"安徽亳州市": "558", "广西崇左市": "771", "广西来宾市": "772", "广西贺州市": "774", "广西贵港市": "775", "湖北潜江市": "728",
	"湖北天门市": "728", "湖北神农架林区": "719", "甘肃嘉峪关市": "937", "甘肃金昌市": "935", "河南济源市": "391", "海南三亚市": "898",
	"四川资阳市": "28", "辽宁铁岭市": "24", "辽宁抚顺市": "24", "贵州遵义市": "851", "贵州安顺市": "851",
	"青海海西蒙古族藏族自治州": "977", "新疆伊犁哈萨克自治州": "999",
}

# MIIT's numbering plan where the source errs (198) or is silent.
CARRIER_OF = {"198": "移动", "165": "移动", "162": "电信", "149": "电信", "1349": "电信"}

MUNICIPALITIES = ("北京", "天津", "上海", "重庆")
REGIONS = ("内蒙古", "广西", "西藏", "宁夏", "新疆")


def split_place(text):
	"""广东省深圳市 -> (广东, [深圳市]); several cities are parted by 、 and all kept."""
	for m in MUNICIPALITIES:
		if text.startswith(m):
			return m, [m]
	for r in REGIONS:
		if text.startswith(r):
			return r, names(text[len(r):])
	province, sep, rest = text.partition("省")
	if not sep or len(province) > 3:
		raise ValueError(f"no province in {text!r}")
	return province, names(rest)


def names(text):
	return [RENAMED.get(n, n) for n in text.split("、") if n] or [""]


def read_source():
	"""-> (mobile prefix of 4..7 digits -> (province, city), area code without 0 -> (province, cities), prefix -> carrier)"""
	mobile, fixed, carriers = {}, {}, {}
	for key, by_lang in GEOCODE_DATA.items():
		if not key.startswith("86") or "zh" not in by_lang:
			continue
		nsn, place = key[2:], split_place(by_lang["zh"])
		if nsn[0] == "1" and nsn != "10":
			mobile[nsn] = (place[0], place[1][0])
		else:
			fixed[WHOLE_CODE.get(nsn, nsn)] = place
	for key, by_lang in CARRIER_DATA.items():
		if key.startswith("86"):
			name = by_lang.get("zh") or by_lang["en"]
			carriers[key[2:]] = "广电" if name == "CBN" else name.removeprefix("中国")
	carriers.update(CARRIER_OF)
	return mobile, fixed, carriers


def area_codes(fixed):
	"""(province, city) -> area code as dialled. Of two codes the one shared by several cities is the newer."""
	areas = {}
	for code, (province, cities) in sorted(fixed.items(), key=lambda kv: (-len(kv[1][1]), kv[0])):
		for city in cities:
			areas.setdefault((province, city), "0" + code)
	for (province, city) in list(areas):
		if province + city in AREA_OF:
			areas[province, city] = "0" + AREA_OF[province + city]
	return areas


def longest(table, prefix, shortest):
	for n in range(len(prefix), shortest - 1, -1):
		if prefix[:n] in table:
			return table[prefix[:n]]
	return None


def mobile_rows(mobile, fixed, carriers):
	"""One value or None for each prefix FIRST..LAST. A number with a carrier but no place keeps the carrier (3 digits at least: 15 alone
	would claim ranges nobody was given)."""
	areas, missing, rows = area_codes(fixed), set(), []
	for n in range(FIRST, LAST + 1):
		prefix = str(n)
		province, city = longest(mobile, prefix, 3) or ("", "")
		carrier = longest(carriers, prefix, 2 if province else 3) or ""
		if not province and not carrier:
			rows.append(None)
			continue
		area = areas.get((province, city), "")
		if province and not area:
			area = "0" + AREA_OF[province + city] if province + city in AREA_OF else ""
			if not area:
				missing.add(province + city)
		rows.append((province, city, area, carrier))
	if missing:
		print("location.py: no area code for", "、".join(sorted(missing)), file=sys.stderr)
	return rows


class Pool:
	"""Strings with a NUL each; a string's offset is its name. "" is at 0."""

	def __init__(self):
		self.data, self.at = bytearray(b"\0"), {"": 0}

	def add(self, text):
		if text not in self.at:
			self.at[text] = len(self.data)
			self.data += text.encode() + b"\0"
		return self.at[text]


def pack(rows, fixed):
	pool, values, value_of = Pool(), [(0, 0, 0, 0)], {None: 0}

	def value(row):
		if row not in value_of:
			value_of[row] = len(values)
			values.append(tuple(pool.add(s) for s in row))
		return value_of[row]

	runs, blocks = [], []
	for base in range(0, len(rows), BLOCK):
		blocks.append(len(runs))
		last = -1
		for i in range(BLOCK):
			v = value(rows[base + i])
			if v != last:
				runs.append((i, v))
				last = v
	blocks.append(len(runs))
	areas = [0] * 1000
	for code, (province, cities) in sorted(fixed.items()):
		areas[int(code)] = value((province, cities[0], "0" + code, ""))

	placed = sum(1 for r in rows if r and r[0])
	bare = sum(1 for r in rows if r and not r[0])
	body = struct.pack("<8I", VERSION, len(values), len(blocks) - 1, len(runs), len(pool.data), placed, bare, len(fixed))
	body += b"".join(struct.pack("<4H", *v) for v in values)
	body += struct.pack("<1000H", *areas)
	body += struct.pack(f"<{len(blocks)}I", *blocks)
	body += b"".join(struct.pack("<2H", *r) for r in runs)
	body += pool.data
	counts = f"{placed} prefixes with a place, {bare} with a carrier only, {len(fixed)} area codes, {len(runs)} runs, {len(values)} values"
	return MAGIC + struct.pack("<I", binascii.crc32(body)) + body, counts


def write_csv(path, rows, fixed):
	with open(path, "w", encoding="utf-8") as f:
		f.write("prefix,province,city,area_code,carrier\n")
		for i, row in enumerate(rows):
			if row:
				f.write(f"{FIRST + i},{','.join(row)}\n")
		for code, (province, cities) in sorted(fixed.items()):
			f.write(f"0{code},{province},{cities[0]},0{code},\n")


def main():
	ap = argparse.ArgumentParser(description="Makes location.dat from python3-phonenumbers.")
	ap.add_argument("out")
	ap.add_argument("--csv")
	args = ap.parse_args()
	mobile, fixed, carriers = read_source()
	rows = mobile_rows(mobile, fixed, carriers)
	data, counts = pack(rows, fixed)
	with open(args.out + ".new", "wb") as f:
		f.write(data)
	os.replace(args.out + ".new", args.out)
	if args.csv:
		write_csv(args.csv, rows, fixed)
	print(f"{os.path.basename(args.out)}: {len(data)} bytes, {counts}")


if __name__ == "__main__":
	main()
