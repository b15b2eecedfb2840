dnl Makes Sendmail 8.17 accept wildcard certificates where FEATURE(`sts') compares names.
dnl
dnl To be included in the .mc file, anywhere after the feature:
dnl
dnl	FEATURE(`sts', `hash -T<TMPF> /etc/mail/starttls')dnl
dnl	include(`/usr/share/starttls-toolkit/sendmail/sts-wildcard.m4')dnl
dnl
dnl The feature's ruleset STS_SAN looks for the MX host's name among the DNS names in its certificate: first as it is,
dnl then without its first label and behind "*.". That second look never succeeds: the rule has a "*." of its own in
dnl front of the class of names, and the names stand in the class with theirs. So mail to a host whose certificate
dnl says *.example.net waits until it is returned.
dnl
dnl Here the feature leaves its ruleset empty, and the ruleset is written again: "*." goes in front of the
dnl host's name, and then the class is asked. The asterisk covers one label (RFC 6125 section 6.4.3, to which RFC 8461
dnl section 4.2 refers). If this file is forgotten, the feature is as strict as before.
dnl
dnl Why not two rules in front of the feature's own, in LOCAL_CONFIG? Rules that come before the option OperatorChars
dnl make Sendmail take later rules apart wrongly: it then delivers to hosts with untrusted certificates. And what
dnl stands in LOCAL_RULESETS comes after the feature's own rules, the last of which has refused the host by then.
dnl
PUSHDIVERT(-1)
ifdef(`_STS_SAN', `undefine(`_STS_SAN')',
	`errprint(`*** ERROR: sts-wildcard.m4 must be included once, after FEATURE'(sts)`, and not with NO_SAN_TST
')m4exit(1)')
divert(9)
# the MX host's name must be in its certificate, or the wildcard of one label that covers it
SSTS_SAN
R$*			$: $&{server_name}
R$={cert_altnames}	$@ ok
R$-.$+			$: *.$2
R$={cert_altnames}	$@ ok
R$*			$#error $@ 4.7.0 $: 450 $&{server_name} not listed in SANs

POPDIVERT`'dnl
