import Testing

/// The house rules of docs and design, held against every file of this repository. When one fails, its message says
/// which lines and why the rule exists. An exception is an `Allowance` with a reason, beside its rule.
@Suite struct ArchitectureTests {
    @Test(arguments: Rule.all)
    func theRepositoryObeys(_ rule: Rule) {
        let violations = rule.violations(in: .repository)
        if !violations.isEmpty { Issue.record("\(rule.report(violations))") }
    }

    /// An empty tree obeys every rule.
    @Test func thereIsSomethingToLookAt() {
        let tree = SourceTree.repository
        #expect(tree.text("Package.swift") != nil)
        #expect(tree.sources.count > 20)
        #expect(tree.sources.flatMap(\.functions).count > 100)
        #expect(tree.sources.contains { $0.path == "Sources/Locks/LockTable.swift" })
        #expect(tree.texts.contains { $0.path == "Tests/ArchitectureTests/ArchitectureTests.swift" })
    }
}
