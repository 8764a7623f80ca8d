"""The table of telephony situations S01-S70: which captures show each, who spoke in it, what comes out and why.

Which capture shows what is said here; everything else in the table is read from the captures' folders.
"""

import json

WAITS = {"S68": "SIPREC sessions"}

SHOWN = """
S01 answered: answered answered-by-callee-bye no-config rings-for-four-minutes
S02 caller cancels while it rings: caller-cancels caller-cancels-early-media cancel-seen-after-its-487 lab-cancel
S03 480, no answer: no-answer lab-every-final refused-in-many-ways
S04 486: busy busy-says-the-diversion b2bua-all-busy phones-only-all-busy lab-vlan-busy lab-every-final tries-again-at-once
S05 603: declined one-declines-others-ring lab-every-final
S06 408: timeout-408 lab-every-final
S07 487 without CANCEL: terminated-without-cancel lab-every-final
S08 407, INVITE, 200: challenged-then-answered lab-challenged tried-again-on-other-terms
S09 407, no retry: challenged-and-gone challenged-for-good lab-challenged
S10 retransmitted INVITE, 180, 200: answer-retransmitted retransmissions
S11 200 and CANCEL cross: cancel-crosses-answer cancel-crosses-answer-and-stays phone-answers-as-caller-cancels cancel-seen-after-the-answer
S12 lost 487: cancel-without-487
S13 lost 200, two-way RTP: lost-200-two-way-audio phone-200-lost-two-way-audio trunk-200-lost-phone-200-seen
S14 no response: no-response no-response-short quoted-in-icmp
S15 503: unavailable-503 failover-to-second-host trunk-forks-to-two-hosts trunk-tries-one-host-after-the-other lab-every-final
S16 404: wrong-number refused-in-many-ways lab-every-final
S17 ring-all of four, one answers, told elsewhere or not: ring-all-four-told-elsewhere ring-all-four-not-told no-config-ring-all b2bua-ring-all-answered proxy-ring-all phones-only-ring-all-answered lab-ring-all-four-told-elsewhere lab-ring-all-four-not-told
S18 ring-all, the caller cancels, phones told "elsewhere": freeswitch-cancels-told-elsewhere b2bua-caller-cancels-told-elsewhere proxy-caller-cancels lab-proxy-caller-cancels lab-pbx-caller-cancels
S19 serial hunt, the third answers: serial-hunt-answered lab-serial-hunt-third-answers
S20 serial hunt, nobody, pilot: b2bua-hunt-to-pilot proxy-serial-hunt-to-voicemail hunt-abandoned-in-the-gap lab-serial-hunt-to-pilot
S21 phones' side only: phones-only phones-only-elsewhere phones-only-answered phones-only-then-voicemail last-diverter-was-called phones-only-all-busy phones-only-ring-all-answered
S22 302 to the pilot: pilot-forward-by-302 pbx-redirects-to-pilot lab-redirect-to-pilot redirected-under-a-new-call-id
S23 302 to a mobile: forward-to-mobile-answered forward-to-mobile-unanswered redirect-not-followed redirected-then-answered lab-redirect-to-mobile forward-to-mobile-own-number forward-of-a-desk-to-its-mobile
S24 Diversion to the pilot, message: diversion-to-pilot-message b2bua-pilot-with-diversion lab-proxy-voicemail lab-pbx-external-voicemail-hep
S25 Diversion to the pilot, hang-up in the greeting: diversion-to-pilot-hangup
S26 two Diversions: two-diversions b2bua-hunt-to-pilot
S27 History-Info of Aura, escaped Reason: aura-covers-to-messaging aura-covers-unconfigured history-info-without-diversion
S28 target and cause in the Request-URI: target-and-cause pilot-with-target-cause
S29 embedded voicemail, digital phones: embedded-voicemail-message embedded-voicemail-message-alaw embedded-voicemail-hangup embedded-voicemail-media-moves embedded-answered-by-person b2bua-embedded-voicemail no-config-embedded-voicemail lab-pbx-voicemail busy-phones-then-embedded-voicemail digital-set-answers-beside-phones elsewhere-but-voicemail-answers voicemail-behind-an-edge answered-before-phones-stop
S30 voicemail or announcement in 183 only: announcement-in-early-media voicemail-in-early-media ringback-in-early-media-then-person lab-early-media-cancel
S31 menu, then a person: ivr-then-person queue-agent-answers ivr-then-mobile-answered voicemail-then-operator
S32 menu, abandoned: ivr-then-nobody ivr-then-pilot ivr-then-embedded-voicemail ivr-then-mobile-unanswered
S33 queue, abandoned: queue-abandoned-after-rounds queue-abandoned-after-182 agent-answers-when-the-caller-has-gone
S34 blind REFER: blind-transfer blind-transfer-unanswered no-config-blind-transfer sent-on-outside-by-refer lab-blind-transfer lab-blind-transfer-unanswered person-then-queue
S35 attended transfer, Replaces: attended-transfer
S36 pickup by Replaces: pickup-by-replaces
S37 pickup by code: pickup-by-code park-and-retrieve pickup-seen-late-or-in-part a-code-dialled-after-the-answer
S38 answered for three seconds: answered-three-seconds answered-short
S39 transfer to voicemail: transfer-to-voicemail key-sends-the-caller-to-voicemail
S40 mailbox retrieval: mailbox-retrieval mailbox-retrieval-with-digits mailbox-retrieval-by-did mailbox-owner-dials-in-info mailbox-retrieval-through-a-carrier
S41 anonymous: withheld withheld-in-many-ways joined-as-the-only-one hidden-caller-shown-as-unknown
S42 P-Asserted-Identity and From differ: asserted-differs-from-from
S43 Remote-Party-ID: remote-party-id
S44 tel: with phone-context: tel-with-phone-context
S45 caller rewritten with an access code: caller-with-access-code caller-with-access-code-phones-only joined-by-name mobile-rings-with-the-offices-number phones-ring-with-the-offices-number
S46 international: international-callers foreign-and-odd-callers canadian-caller
S47 both sides of a PBX: b2bua-ring-all-answered two-interfaces two-at-once joined-by-identifiers joined-by-derived-call-id joined-behind-an-sbc joined-by-media joined-by-ssrc ssrc-that-joins-nothing session-id-reused both-sides-of-a-firewall media-port-used-again three-calls-of-one-caller
S48 proxy hops: proxy-hops lab-proxy-hops
S49 response before its INVITE: response-before-request ack-seen-before-its-final branch-seen-before-its-call phone-seen-before-its-caller retry-seen-before-the-first-try
S50 start in mid-call: starts-in-mid-call cut-off still-in-the-queue-at-the-end
S51 fragmented INVITE: ipv4-fragments ipv6-fragments lab-fragmented-invite
S52 TCP in pieces, pipelined: tcp-in-pieces tcp-two-in-one-segment
S53 WebSocket: websocket
S54 VLAN, QinQ, GRE, ERSPAN, VXLAN, SLL, SLL2: vlan-and-qinq tunnels links two-interfaces lab-cooked-cancel lab-vlan-busy
S55 re-INVITE, hold, session timer: session-timer answered-by-callee-bye lab-hold-answered
S56 forks with many To-tags, two 200s: forked-answered-twice forked-then-abandoned
S57 PRACK and UPDATE: prack-and-update lab-prack
S58 fax, T.38: fax-t38 fax-calling-tone
S59 call back from an emergency service: emergency
S60 outbound and internal: outbound internal called-back called-back-by-access-code
S61 twinning: twinning-mobile-answers twinning-desk-answers twinning-nobody-answers mobile-answers-but-does-not-accept mobile-does-not-accept-caller-gives-up
S62 two anonymous callers at once: two-anonymous
S63 three tries, then answered: three-tries-then-answered answered-at-redial
S64 scanner: scanner
S65 verstat failed: verstat-failed
S66 HEP agents whose clocks disagree: hep-agents-disagree-on-time
S67 HEP with packed payloads and unknown vendors' chunks: hep-packed-and-strange-chunks hep
S69 message-waiting: message-waiting message-waiting-confirms
S70 page, auto-answer: page-answers-nobody page-of-the-office agent-answers-by-headset
"""
# Also worth showing, though no number of the list asks for it.
BESIDE = "diversion-names-the-number-itself connected-identity-is-pilot media-at-voicemail-host invites-that-are-no-calls night-service-to-voicemail aura-joins-by-global-session cucm-session-id-names-a-device mitel-caller-in-preferred-identity freepbx-mailbox-by-prefix freeswitch-phones-only-elsewhere panasonic-caller-with-access-code 3cx-number-called-in-to ip-office-answers-at-coverage-time ip-office-covers-after-a-pause cucm-answers-not-as-it-covers ip-office-times-out nec-announcement-then-timeout oxo-history-without-cause second-try-not-seen phone-stopped-by-an-unseen-cancel phone-answer-lost-its-ack-seen clock-set-back-while-up refused-late-nothing-before-it-seen no-config-phones-before-their-caller no-config-phones-only media-at-voicemail-media-server same-caller-after-a-pause roles-and-numbers-of-a-profile makes-shown-by-their-messages make-shown-by-a-header emergency-behind-access-code"


def rows():
    """Each situation: its number, its name, the folders that show it."""
    for line in SHOWN.strip().splitlines():
        number, _, rest = line.partition(" ")
        name, _, folders = rest.rpartition(": ")
        yield number, name, folders.split()


def faults(captures):
    """What in the table can't be so."""
    listed = list(rows())
    numbers = [number for number, _, _ in listed] + list(WAITS)
    wanted = [f"S{n:02}" for n in range(1, 71)]
    found = [f"{n}: no capture shows it" for n in wanted if n not in numbers]
    found += [f"{n}: listed twice" for n in set(numbers) if numbers.count(n) > 1]
    folders = {f for _, _, shown in listed for f in shown} | set(BESIDE.split())
    return found + [f"{f}: no such capture" for f in sorted(folders) if not (captures / f / "truth.json").is_file()]


def written(captures):
    """SCENARIOS.md, whole."""
    out = [HEAD]
    for number, name, folders in rows():
        out += [f"| {number} | {name if n == 0 else '″'} | {row(captures / f)} |" for n, f in enumerate(folders)]
    out += [f"| {number} | {why} | none yet | | | | |" for number, why in WAITS.items()]
    out.append("\nBeside these:\n\n| capture | who spoke | outcome | rules | why |\n|---|---|---|---|---|")
    out += [f"| {row(captures / f)} |" for f in BESIDE.split()]
    return "\n".join(out) + "\n"


def row(folder):
    readme = (folder / "README.md").read_text()
    return " | ".join((f"[{folder.name}]({folder.name}/)", spoke(readme), *outcome(folder), why(readme)))


def spoke(readme):
    """Whom the provenance names as speaking."""
    said = " ".join(readme.partition("Provenance: ")[2].split())
    if said.startswith("made by"):
        return "we did"
    peers = said.partition("between ")[2] or said
    return "recorded: " + peers.partition(", with")[0].partition(" (`")[0]


def outcome(folder):
    """What ringback prints, and by which rules."""
    printed = folder / "expected" / "calls.jsonl"
    if not printed.is_file():
        return "not kept yet", ""
    calls = [json.loads(line) for line in printed.read_text().splitlines()]
    shown = [c["outcome"] + (" (missed)" if c["missed"] else "") + (" ambiguous" if c["ambiguous"] else "") for c in calls]
    words = [f"`{w}`" + (f" ×{shown.count(w)}" if shown.count(w) > 1 else "") for w in dict.fromkeys(shown)]
    rules = dict.fromkeys(f"`{e['rule']}`" for c in calls for e in c["evidence"])
    return ", ".join(words) or "no call", " ".join(rules)


def why(readme):
    """The verdict's paragraph of the README."""
    said = readme.partition("Verdict: ")[2].partition("\n\n")[0]
    return " ".join(said.split()).replace("|", "\\|")


HEAD = """# Seventy situations

Which capture shows what, who spoke in it, what ringback prints for it (`expected/calls.jsonl`), by which rules, and why that is
right. Written by `captures/make.py` from the captures' own folders; `captures/make.py --check` compares.

| | situation | capture | who spoke | outcome | rules | why |
|---|---|---|---|---|---|---|"""
