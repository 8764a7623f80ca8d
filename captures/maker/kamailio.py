"""What each configuration of Kamailio begins with, and what it does before it looks where a call goes."""

MODULES = """#!KAMAILIO
debug=1
log_stderror=yes
children=2
auto_aliases=no
listen=udp:ADDRESS:5060
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "corex.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "diversion.so"
loadmodule "acc.so"
loadmodule "uac_redirect.so"
"""
GUARD = """  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (has_totag()) { if (loose_route() || (is_method("ACK") && t_check_trans())) t_relay(); exit; }
  t_check_trans();
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
"""
