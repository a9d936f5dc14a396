"""A sample document of each format that is text with markup, records, mail or subtitles."""

import json
from pathlib import Path

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
was sold.

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

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3"}},
    "cells": [
        {
            "cell_type": "markdown",
            "source": ["# Tides at Skerry\n", "\n", "The gauge was *calibrated* in 2019.\n"],
        },
        {
            "cell_type": "code",
            "execution_count": 7,
            "source": "levels = read('gauge.csv')\n\nlevels.max()",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["read \u001b[1m412\u001b[0m rows\n"]},
                {"output_type": "execute_result", "data": {"text/plain": ["5.12 metres"]}},
                {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "<Figure>"}},
            ],
        },
        {
            "cell_type": "code",
            "source": ["levels.head()"],
            "outputs": [
                {
                    "output_type": "execute_result",
                    "data": {
                        "text/html": [
                            "<style>td {color: red}</style><table><tr><th>day</th><th>level</th></tr>",
                            "<tr><td>Monday</td><td>4.75</td></tr></table>",
                        ],
                        "text/plain": "day level",
                    },
                },
                {"output_type": "error", "ename": "KeyError", "evalue": "'surge'", "traceback": ["..."]},
            ],
        },
        {"cell_type": "raw", "source": "Kept by the harbour office."},
    ],
}

RST = """\
==============
Signal station
==============

:Keeper: Edda Holm
:Since: 1962

The station on *Storholm* relays
weather reports of ``ten`` ships, see :ref:`the log <log>`
and `its charter`_.

.. _its charter: https://example.org
.. A comment.

Equipment
---------

.. note::

   The mast was struck by lightning in 1988.

Flags
  are hoisted at **eight**.

.. code-block:: python
   :caption: x

   def hoist(flag):

       return flag.up()

.. function:: lower(flag)

   Lowers it at :func:`~times.sunset`.

=======  ======
Flag     Means
=======  ======
Blue     calm
Red      storm
=======  ======

3. Count them.
4. Wait for |answer|.

.. |answer| replace:: a reply

.. [1] Since the war.
"""

JSON = """\
[
  {"berth": 1, "ship": "Alma", "owner": {"name": "Ida Falk", "town": "Brun\\u00f8"}},
  {"berth": 2, "ship": "Borre", "price": 12.50, "cargo": ["salt", "rope"], "sold": false, "note": null}
]
"""

JSONL = """\
{"id": "a1", "question": "How deep is the quay?", "reply": "Nine metres at low tide."}

{"id": "a2", "question": "Who pays the dues?", "reply": "The captain."}
"""

YAML = """\
# Timetable of the islands
title: Island ferries
season: summer
base: &base
  operator: Nordlys
  seats: 120
routes:
  - <<: *base
    from: Brunoe
    departs: 09:10
  - from: Storholm   # no Sundays
    departs: "17:45"
    notes: |
      Bicycles travel free.
      Dogs pay half.
"""

EML = """\
From: =?utf-8?q?Ida_M=C3=BCller?= <ida@example.org>
To: Jonas Veit <jonas@example.org>
Subject: Re: The bell of the =?utf-8?b?TGlnaHRob3VzZQ==?=
Date: Tue, 5 Mar 2024 09:12:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

On Monday, 4 March 2024, Jonas Veit wrote:
> Who cast the bell, and when?

It was cast in L=C3=BCbeck in 1788.

--
Ida
--inner
Content-Type: text/html; charset=utf-8

<p>It was cast in <b>Lübeck</b> in 1788.</p>
--inner--
--outer
Content-Type: application/pdf; name="bell.pdf"
Content-Disposition: attachment; filename="bell.pdf"
Content-Transfer-Encoding: base64

JVBERi0=
--outer--
"""

MBOX = """\
From jonas@example.org Mon Mar  4 10:00:00 2024
From: Jonas Veit <jonas@example.org>
Subject: Fog horn
Date: Mon, 4 Mar 2024 10:00:00 +0000

When was the fog horn replaced?
>From 1950 on there are no papers.

From ida@example.org Tue Mar  5 10:00:00 2024
From: Ida Falk <ida@example.org>
Subject: Re: Fog horn
Date: Tue, 5 Mar 2024 10:00:00 +0000

In 1967, by an electric one.

Jonas Veit wrote on Monday, 4 March:
> When was the fog horn replaced?
> From 1950 on there are no papers.
> A sentence that nobody sent.
"""

ORG = """\
#+TITLE: Storm log
#+AUTHOR: Edda Holm

* DONE Winter                                                :log:
:PROPERTIES:
:ID: 1
:END:
SCHEDULED: <2023-12-01 Fri>

The *gale* of [[https://example.org][21 October]] broke the ~north~ mole,
and flooded /two/ cellars.[fn:1]

- The harbour master :: Sven Aas
- [X] sandbags
  1. counted
  2. stacked

| Date   | Gusts |
|--------+-------|
| 21 Oct | 118   |
| 22 Oct | 96    |

# A comment.
** Repairs
#+begin_src sh
  tar xf mole.tar

  make mole
#+end_src

#+begin_quote
It held.
#+end_quote

: fixed width

[fn:1] Both were empty.
"""

ADOC = """\
= Pilot's handbook
Edda Holm
:region: Brunoe
:toc:

// A comment.
A pilot boards off *{region}* at
link:https://example.org[buoy seven].

== Signals

.When to call
[cols="1,1",options="header"]
|===
|Light |Meaning
|Green |Pilot *aboard*
|Red |Ship at
 anchor
|===

* Radio on `channel 12`
** by day
** by night
+
Keep it short.

Draught:: The depth of a hull.

[source,sh]
----
tide --at 06:00 <1>

tide --at noon
----
<1> Local time.

NOTE: Tugs wait at the mole.footnote:[Since 1990.]

****
Beside the point.
****

include::secret.txt[]
"""

TEX = r"""
\documentclass{article}
\newcommand{\secret}{hidden}
\title{Currents of the \emph{Sound}}
\author{Edda Holm}
\begin{document}
\maketitle
% A comment.
\section{Tides}\label{sec:tides}
The current turns \textbf{twice} a day~\cite{aas},
at $\alpha > 2$ knots.\footnote{Measured at Storholm.}

\begin{itemize}
\item Ebb runs north.
\item Flood runs south.
\end{itemize}

\subsection{Gauges}
\begin{tabular}{ll}
Place & Height \\
\hline
Brunoe & 4.1 m \\
\end{tabular}

\begin{verbatim}
read gauge 7

  % kept
\end{verbatim}
\end{document}
"""

DOCUMENTS = {
    "ferry.srt": SRT.encode,
    "harbour.vtt": VTT.encode,
    "signal.rst": RST.encode,
    "berths.json": JSON.encode,
    "currents.tex": TEX.encode,
    "pilot.adoc": ADOC.encode,
    "storm.org": ORG.encode,
    "harbour.jsonl": JSONL.encode,
    "ferries.yaml": YAML.encode,
    "bell.eml": EML.encode,
    "horn.mbox": MBOX.encode,
    "simple.msg": (Path(__file__).parent / "mail" / "simple_test_msg.msg").read_bytes,
    "tides.ipynb": json.dumps(NOTEBOOK, indent=1).encode,
}
