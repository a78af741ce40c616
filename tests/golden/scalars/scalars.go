package main

import (
	"fmt"
	"strings"
)

// scalars lists the candidates; main leaves out repeats and what is not plain.
func scalars() []string {
	var all []string
	add := func(texts ...string) { all = append(all, texts...) }
	words := strings.Fields

	// Spellings of booleans and nulls, right and nearly right.
	for _, word := range words("y n yes no on off true false null nil none nan inf t f yep nope ono offs oof yess truth falsey nulls ok enabled disabled") {
		add(word, strings.ToUpper(word), strings.ToUpper(word[:1])+word[1:])
		add(word[:len(word)-1]+strings.ToUpper(word[len(word)-1:]), word+".", word+"1", "."+word, "-"+word, "+"+word, word+"-"+word)
	}
	add("~", "~~", "~1", "~/cache", "~user", "<<", "<", "<<<", "=", "==", "=1", "a=b")
	for _, word := range words("inf Inf INF iNf nan NaN NAN nAn Nan infinity Infinity") {
		add("."+word, "+."+word, "-."+word, "+"+word, "-"+word, word, "0."+word)
	}

	// Integers: every sign, prefix and digit run.
	digits := words("0 1 7 8 10 17 18 80 101 777 8080 f F0 dead 12ab 1g")
	for _, prefix := range []string{"", "0", "00", "0x", "0X", "0o", "0O", "0b", "0B"} {
		for _, digit := range digits {
			for _, sign := range []string{"", "-", "+"} {
				add(sign + prefix + digit)
			}
		}
	}
	add("0x", "0o", "0b", "0X", "0O", "0B", "-0x", "-0o", "-0b", "x10", "o10", "b10", "--1", "++1", "+-1", "-+1", "1-", "1+")
	// Signs behind the prefix.
	for _, prefix := range words("0b 0B 0o 0O 0x 0X 00 -0b -0o -0x +0b +0o") {
		add(prefix+"-1", prefix+"+1", prefix+"-0", prefix+"-101", prefix+"-77", prefix+"--1")
	}
	// Underscores.
	for _, text := range words("1_000 1_ 1__0 1_000_000 0x_ff 0xf_f 0_x10 0_7 0_8 0b_1 0b1_0 0_b1 0o_7 0_o7 -_1 +_1 -1_ _1 __ _ 1_2_3 1_.5 1._5 1.5_ 1_0.5_0 1e_3 1_e3 1e3_ .5_0 ._5 .5_ .5__0 .5_0e1 .5e1_0 .5e_1 .5_e1 ._ +._5 -.5_0 -_.inf 1_a 0_ -_ +_ 0x_ 0b_ 1_000m 10_Mi 2024_01_01 1:3_0 1_0:30") {
		add(text)
	}
	// Edges of 32 and 64 bits.
	for _, edge := range words("2147483647 2147483648 4294967295 4294967296 9007199254740991 9007199254740993 9223372036854775807 9223372036854775808 9223372036854775809 18446744073709551615 18446744073709551616 18446744073709551617 99999999999999999999 340282366920938463463374607431768211456 " +
		"0x7fffffffffffffff 0x8000000000000000 0xffffffffffffffff 0x10000000000000000 0777777777777777777777 01000000000000000000000 01777777777777777777777 02000000000000000000000 0o777777777777777777777 0o1777777777777777777777 0o2000000000000000000000 " +
		"0b111111111111111111111111111111111111111111111111111111111111111 0b1000000000000000000000000000000000000000000000000000000000000000 0b1111111111111111111111111111111111111111111111111111111111111111 0b10000000000000000000000000000000000000000000000000000000000000000 " +
		"0b-111111111111111111111111111111111111111111111111111111111111111 0b-1000000000000000000000000000000000000000000000000000000000000000 0b-1000000000000000000000000000000000000000000000000000000000000001 0b+111111111111111111111111111111111111111111111111111111111111111 0b+1000000000000000000000000000000000000000000000000000000000000000") {
		add(edge, "-"+edge, "+"+edge, edge+".0")
	}

	// Floats and exponents.
	for _, mantissa := range words("0 5 08 010 1. .5 .0 1.5 1.0 2.50 00.5 3.14159 16777217.0 33554433.5 0.30000000000000004 1.2.3 1..2 1.a") {
		for _, exponent := range []string{"", "e3", "E+3", "e-7", "e21", "e40", "e400", "e-400", "e", "e3.5"} {
			add(mantissa + exponent)
		}
		add("-"+mantissa, "+"+mantissa, "-"+mantissa+"e2", "+"+mantissa+"e-2")
	}
	add(".", "..a", ".e3", ".5.", ".5e", "+.", "-.", "-.e1", "1,5", "1.5f", "0x1p4", "0x1.8p1", "0x.8", ".0x1", "1e3m", "12e03", "4e7", "6e10", "00e1", "0e0",
		"123456.0", "1234567.0", "999999.5", "1000000.0", "0.0001", "0.00001", "0.00012345", "1e5", "1e6", "1e7", "1e20", "1e21", "1e22", "123456789.125", "1.7976931348623157e308", "1.8e308", "4.9e-324", "1e-46", "3.4028235e38", "3.5e38", "-3.5e38", "-0.0", "-0", "+0.0", "0.0", "-.0", "9.5", "99.5", "1e15", "1e16", "1e-5", "1e-6", "1e-7", "5e-324")

	// Dates, times, and base sixty.
	for _, date := range words("2024-01-01 2024-1-1 2024-01-1 2024-13-01 2024-02-30 2023-02-29 2024-02-29 0000-00-00 24-01-01 02024-01-01 2024-01 2024/01/01 2024.01.01 20240101 2024-01-01-rc1 2024-01-01a") {
		add(date)
		for _, time := range []string{"T10:20:30Z", "t10:20:30z", "T1:2:3.5Z", "T10:20:30+01:00", "T25:00:00Z", " 10:20:30", " 10:20:30.123", " 10:20", "T", " 10:20:30 -5"} {
			add(date + time)
		}
	}
	add(words("1:30 01:30 190:20:30 1:60 1:99 12:30:45 12:30:45.5 -1:30 +1:30 0:0 1:2:3:4 8080:80 8080:8080 1:a a:1 1:30.25 1.5:30 60:00 1::2 10:0.0.1")...)

	// What manifests hold.
	names := words("ratings reviews details productpage checkout cart billing ledger invoice mailer search-index kiosk orchard yonder")
	for i, name := range names {
		add(name, name+"-v1", name+"-v2", "app-"+name, name+".shop.svc", name+".shop.svc.cluster.local", strings.ToUpper(name), name+"_total", "_"+name)
		add(fmt.Sprintf("registry.example/%s:%d.%d", name, i, i+1), fmt.Sprintf("%s:1.%d.0", name, i), fmt.Sprintf("%s@sha256:%064x", name, i+7))
		add(fmt.Sprintf("http://%s:%d", name, 15000+i), fmt.Sprintf("https://%s.example/path/%d?q=%s&n=1", name, i, name), "/etc/"+name+"/config.yaml", "./"+name, "../"+name, "--"+name+"=on", "-"+name[:1], "--"+name)
		add(fmt.Sprintf("app.example/%s", name), name+":", name+" "+names[(i+1)%len(names)], name+": x", name+" # note", name+"#note", name+" ,", name+",x", name+"[0]", "$("+strings.ToUpper(name)+")", "{{ "+name+" }}", "a{"+name+"}")
	}
	for i := range 16 {
		add(fmt.Sprintf("10.0.%d.%d", i, 255-i), fmt.Sprintf("10.96.%d.0/16", i), fmt.Sprintf("v1.%d.%d", i, i%3), fmt.Sprintf("1.%d", i), fmt.Sprintf("1.%d.0", i), fmt.Sprintf("10.1.2.%d:80", i))
		add(fmt.Sprintf("%dm", 50*i), fmt.Sprintf("%dMi", 16*i), fmt.Sprintf("%dGi", i), fmt.Sprintf("%ds", i), fmt.Sprintf("%d%%", i), fmt.Sprintf("0%d", i), fmt.Sprintf("%dh%dm", i, i), fmt.Sprintf("v%dbeta%d", i, i%4))
	}
	add(words("apps/v1 v1 networking.istio.io/v1 security.istio.io/v1beta1 ClusterFirst IfNotPresent Always Never TCP UDP HTTP HTTP2 http http2 grpc grpc-web tcp-db https-api RollingUpdate ReadWriteOnce ClusterIP NodePort LoadBalancer istio-proxy istio-system sidecar.istio.io/inject kubernetes.io/hostname app.kubernetes.io/name STRICT PERMISSIVE DISABLE ISTIO_MUTUAL Deployment Service Pod 80/TCP a/b/c a.b a-b a_b a:b a::b :a ::1 ?a -a a? a! a* a& a| a> a% a@ a` a'b a\"b 'a \"a @a `a %a &a *a !a |a >a #a ,a [a {a ]a }a a] a} -- --- ---- ---a -.- ... ....  ...a .. - ? : -: -# a- a.")...)
	add("fe80::1", "2001:db8::1", "::ffff:10.0.0.1", "00:1a:2b:3c:4d:5e", "12:34:56:78:90:12", "-1a", "+a", "+1a", "1 2", "1 000", "0 1", "1 #", "yes no", "true story", "no problem", "null island", "on call", "- a", "? a", ": a", "a - b", "a ? b", "a : b", "a :b", "a #b", "a# b", "a  b", "a\tb", "a\t#b", "a:\tb")

	// Sentences.
	add("The harbor master counts lanterns at dusk", "Restart the proxy, then wait", "is this safe? maybe", "half of 3.5 is 1.75", "50% of the meadow", "Willow & thicket", "one: two", "nothing to see (yet)", "a \"quoted\" word", "it's fine", "what about [this]", "or {that}", "don't; stop", "a\\b", "C:\\temp", "semi;colon", "x => y", "x <- y", "#hash", "no #hash", "no#hash")

	// Beyond ASCII.
	add("žluťoučký", "数据", "данные", "naïve", "ｙｅｓ", "١٢٣", "１２", "½", "−1", "–", "·", "€5", "5€", "🙂", "a🙂b", "🙂:", "é: x", "\u00a0a", "a\u00a0", "a\u00a0b", "\u3000a", "a\u2003b", "\u200ba", "a\u200bb", "a\u00adb", "a\u0085b", "a\u2028b", "a\u2029b", "a\ufeffb", "a\u202eb", "a\ufffdb", "\ue000", "𝟙𝟚", "Ｎ", "ñ", "Ńo", "ÿ")
	return all
}
