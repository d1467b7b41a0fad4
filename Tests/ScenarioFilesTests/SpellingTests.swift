import Testing

@testable import ScenarioFiles

@Suite struct SpellingTests {
    @Test(arguments: [("suspnd", "suspend"), ("isolat", "isolate"), ("laptpo", "laptop")])
    func `a near word is named`(_ word: String, _ meant: String) {
        #expect(Spelling.hint(word, ["suspend", "isolate", "laptop", "mend"]) == "did you mean '\(meant)'?")
    }

    @Test func `a far word gets the whole list`() {
        #expect(Spelling.hint("elephant", ["mend", "ring"]) == "known: mend, ring")
    }
}
