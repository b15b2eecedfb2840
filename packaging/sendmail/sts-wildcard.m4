dnl Makes Sendmail 8.17 accept wildcard certificates where FEATURE(`sts') compares names.
dnl
dnl Include it in the .mc file, anywhere after the feature:
dnl
dnl	FEATURE(`sts', `hash -T<TMPF> /etc/mail/starttls')dnl
dnl	include(`/usr/share/starttls-toolkit/sendmail/sts-wildcard.m4')dnl
dnl
dnl The feature's ruleset STS_SAN searches for the MX host's name among the DNS names in its certificate: first
dnl unchanged, then with "*." in place of its first label. The second search never succeeds: the rule has a "*." of its
dnl own before the class of names, but the names in the class already contain their "*.". So mail to a host with a
dnl certificate for *.example.net is deferred until it is returned.
dnl
dnl With this file the feature's own ruleset is empty, and the ruleset is defined here: it puts "*." before the host's
dnl name, and then searches in the class. The asterisk covers one label (RFC 6125 section 6.4.3, to which RFC 8461
dnl section 4.2 refers). Without this file, the feature is as strict as before.
dnl
dnl Two rules before the feature's own, in LOCAL_CONFIG, would not work: if rules come before the option OperatorChars,
dnl Sendmail parses later rules wrongly, and then delivers to hosts with untrusted certificates. LOCAL_RULESETS does not
dnl work, either: its rules come after the feature's own rules, and the last of those has already rejected the host.
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
