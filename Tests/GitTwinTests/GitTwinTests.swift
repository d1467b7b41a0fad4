import GitTwin
import Glibc
import Primitives
import Simulation
import Testing

/// Real git beside the model: where they agree, and that a difference is seen.
struct GitTwinTests {
    /// Ten simulated seconds of a drawn scenario, and the healing.
    private func scenario(_ seed: UInt64) -> Scenario { .drawn(seed: seed, devices: nil, faultTime: .seconds(10)) }

    @Test(arguments: [UInt64(3), 5])
    func `G1 real git does what the model says, and the run is the same`(_ seed: UInt64) throws {
        let run = GitTwin.counted(scenario(seed), compares: true)
        #expect(run.report.violation == nil)
        #expect(run.report == Simulation.run(scenario(seed)))
        let counts = run.counts
        #expect(counts.captures > 0 && counts.packs > 0 && counts.merges > 0 && counts.conflicts > 0)
        #expect(counts.cuts > 0 && counts.published > 0 && counts.applied > 0 && counts.reopened > 0)
        #expect(access(try #require(run.folder), F_OK) != 0)
    }

    @Test func `G1 a capture without one of its files is seen, and nothing stays in the temporary folder`() throws {
        let run = GitTwin.counted(scenario(5), compares: true, flaw: .dropsPath)
        let violation = try #require(run.report.violation)
        #expect(violation.check == .realGit)
        #expect(violation.fact.contains("no file"))
        #expect(violation.clash.contains("version"))
        #expect(access(try #require(run.folder), F_OK) != 0)
    }

    @Test(arguments: [true, false])
    func `G1 a transfer that ends early is refused by real git, compared or not`(_ compares: Bool) throws {
        let violation = try #require(
            GitTwin.run(scenario(5), compares: compares, flaw: .cutsSilently).violation)
        #expect(violation.check == .realGit)
        #expect(violation.fact.contains("refuses"))
    }

    @Test func `real git alone passes where only it may object`() {
        #expect(GitTwin.run(scenario(3), compares: false).violation == nil)
        #expect(GitTwin.run(scenario(5), compares: false, flaw: .dropsPath).violation?.check != .realGit)
    }
}
