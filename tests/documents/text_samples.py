"""A sample document of each format that is text with markup, records, mail or subtitles."""

SRT = """1
00:00:01,000 --> 00:00:03,500
<i>Welcome to the ferry</i>
museum of Osterwick.

2
00:00:04,000 --> 00:00:06,000
It opened in 1931,

3
00:00:06,100 --> 00:00:09,000
when the last steam ferry
was taken out of service.

4
00:12:31,200 --> 00:12:34,000
{\\an8}- Who built her?
- The Brandt shipyard.
"""

VTT = """WEBVTT - Harbour tour

NOTE Recorded in May.

STYLE
::cue { color: yellow }

intro
00:02.000 --> 00:05.000 align:start
<v Ada Brandt>The crane lifts <b>forty tons</b>

01:00:07.000 --> 01:00:09.000
<v Ada Brandt>&amp; was made in Leeds.

01:00:09.000 --> 01:00:12.000
<v Jonas Veit>Who runs it now?
"""

DOCUMENTS = {
    "ferry.srt": SRT.encode,
    "harbour.vtt": VTT.encode,
}
