import Testing

@testable import Commands

@Suite struct WordsTests {
    @Test(arguments: [
        ("250ms", 250), ("0s", 0), ("1s", 1000), ("1.5s", 1500), ("0.25m", 15_000), ("1.125s", 1125), ("5m", 300_000),
        ("2h", 7_200_000), ("1d", 86_400_000), ("365d", 31_536_000_000),
    ])
    func durations(text: String, milliseconds: Int64) {
        #expect(Duration(words: text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "1", "s", "-1s", "1 s", "1S", "1w", "1.s", ".5s", "1.2.3s", "1.1234s", "366d", "9999999999999999999s",
        "31536000000d", "٣s", "1e3s", "+1s",
    ])
    func noDurations(text: String) { #expect(Duration(words: text) == nil) }

    @Test(
        arguments: [
            (0, "0 s"), (0.04, "0 s"), (0.06, "0.1 s"), (1, "1 s"), (1.94, "1.9 s"), (9.94, "9.9 s"), (9.96, "10 s"),
            (59.4, "59 s"), (59.9, "1 min"),
            (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (172_799, "47 h"), (172_800, "2 d"), (-5, "0 s"),
            (.nan, "0 s"),
            (.infinity, "0 s"),
        ] as [(Double, String)])
    func spans(seconds: Double, text: String) { #expect(Words.span(seconds) == text) }

    @Test func lists() {
        #expect(Words.list([], "or") == "")
        #expect(Words.list(["a"], "or") == "a")
        #expect(Words.list(["a", "b"], "or") == "a or b")
        #expect(Words.list(["a", "b", "c"], "or") == "a, b or c")
        #expect(Words.count(1, "file") == "1 file")
        #expect(Words.count(0, "file") == "0 files")
    }

    @Test(arguments: [
        ("plain", "plain"), ("a\nb\t\rc", "a\\nb\\t\\rc"), ("\u{1B}[31m", "\\u{1B}[31m"), ("\u{7F}", "\\u{7F}"),
        ("\u{85}", "\\u{85}"), ("\u{202E}x", "\\u{202E}x"), ("\u{2066}x", "\\u{2066}x"), ("\u{2028}", "\\u{2028}"),
        ("\u{FEFF}", "\\u{FEFF}"), ("\u{200B}", "\\u{200B}"), ("\u{E000}", "\\u{E000}"), ("ü書👩‍💻", "ü書👩‍💻"),
    ])
    func escaping(text: String, shown: String) { #expect(Escaping.shown(text) == shown) }

    @Test func widths() {
        #expect(DisplayWidth.of("abc") == 3)
        #expect(DisplayWidth.of("書斎") == 4)
        #expect(DisplayWidth.of("e\u{301}") == 1)
        #expect(DisplayWidth.of("👩‍💻") == 2)
        let unicode = Style(hasColour: false, isUnicode: true)
        #expect(DisplayWidth.fit("abcdefgh", into: 8, unicode) == "abcdefgh")
        #expect(DisplayWidth.fit("abcdefgh", into: 5, unicode) == "ab…gh")
        #expect(DisplayWidth.fit("abcdefgh", into: 5, Style(hasColour: false, isUnicode: false)) == "ab..h")
        #expect(DisplayWidth.of(DisplayWidth.fit("書斎の大きな机", into: 6, unicode)) <= 6)
        #expect(DisplayWidth.fit("abc", into: 0, unicode) == "")
    }

    @Test func localeAndTerminalDecideTheStyle() {
        func style(_ environment: [String: String], columns: Int? = 80) -> Style {
            Recorder().console(columns: columns, environment: environment).style
        }
        #expect(style(["LANG": "de_DE.UTF-8"]).isUnicode)
        #expect(style(["LC_ALL": "C.utf8", "LANG": "C"]).isUnicode)
        #expect(!style(["LC_ALL": "C", "LANG": "de_DE.UTF-8"]).isUnicode)
        #expect(!style(["LC_ALL": "", "LC_CTYPE": "POSIX", "LANG": "de_DE.UTF-8"]).isUnicode)
        #expect(!style([:]).isUnicode)
        #expect(style([:]).hasColour)
        #expect(!style(["NO_COLOR": "1"]).hasColour)
        #expect(!style(["TERM": "dumb"]).hasColour)
        #expect(!style([:], columns: nil).hasColour)
        #expect(style([:], columns: nil).columns == nil)
    }
}
