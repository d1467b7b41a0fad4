import GitTwin
import Glibc
import Primitives
import Simulation
import Testing

/// Real git beside the model: where they agree, and that a difference is seen.
struct GitTwinTests {
    /// Ten simulated seconds of a drawn scenario, and the healing.
    private func scenario(_ seed: UInt64) -> Scenario { .drawn(seed: seed, devices: nil, faultTime: .seconds(10)) }

    /// What a single seed happens to do may change with every draw: the three together have to come to all of it.
    @Test func `G1 real git does what the model says, and the run is the same`() throws {
        var seen: [TwinCounts] = []
        for seed: UInt64 in [3, 5, 7] {
            let run = GitTwin.counted(scenario(seed), compares: true)
            #expect(run.report.violation == nil)
            var without = scenario(seed)
            without.hub = nil
            #expect(run.report == Simulation.run(without), "real git leaves the hub out")
            #expect(access(try #require(run.folder), F_OK) != 0)
            seen.append(run.counts)
        }
        for count in [
            \TwinCounts.captures, \.packs, \.cuts, \.merges, \.conflicts, \.published, \.applied, \.reopened,
        ] {
            #expect(seen.map { $0[keyPath: count] }.reduce(0, +) > 0, "\(count)")
        }
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
