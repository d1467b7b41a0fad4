import AgentRuntime
import Primitives

extension Bench {
    /// kill -9 of whoever holds the sync lock, and of the quorum's leader.
    func failovers(_ mesh: BenchMesh) async throws {
        let runs = options.runs(7, quick: 2)
        let holder = try await kills(mesh, runs, apart: true, victim: { $0.holder.device }) { report, _ in
            report.mayLead
        }
        let beside = try await etcd?.leaseFailovers(runs)
        add(
            BenchFigure(
                name: "failover of the sync lock, lease 3 s", unit: "ms", samples: holder,
                beside: beside.map { .init(what: "etcd lock, lease 3 s", samples: $0) }, goal: .atMost(aim: 3200)))
        let quorum = try await kills(mesh, runs, apart: true, victim: { $0.quorum }) { report, dead in
            report.view == "quorum" && report.quorum_leader.map { $0.device != dead } ?? false
        }
        let elections = try await etcd?.leaderFailovers(options.runs(5, quick: 1))
        add(
            BenchFigure(
                name: "failover of the quorum leader", unit: "ms", samples: quorum,
                beside: elections.map { .init(what: "etcd leader", samples: $0) }, goal: .atMost(aim: 1300)))
        guard !options.isQuick else { return }
        let both = try await kills(mesh, 3, apart: false, victim: { $0.quorum }) { report, _ in report.mayLead }
        add(BenchFigure(name: "failover of both on one device", unit: "ms", samples: both))
    }

    private func kills(
        _ mesh: BenchMesh, _ runs: Int, apart: Bool, victim: (BenchMesh.View) -> DemoDevice,
        until isOver: @Sendable (StatusReport, String) -> Bool
    ) async throws -> BenchSamples {
        var samples = BenchSamples()
        for _ in 0..<runs {
            let view = try await mesh.view(apart: apart)
            let device = victim(view)
            let id = try await mesh.demo.status(of: device).`self`
            let (watch, listen) = try await mesh.kill(device)
            let took = try await mesh.demo.eventually("another leads", every: .milliseconds(2)) { () -> Duration? in
                for other in mesh.demo.place.others(than: device) {
                    let report = try await mesh.demo.status(of: other)
                    if isOver(report, id) { return watch.elapsed }
                }
                return nil
            }
            samples.add(took)
            try await mesh.restart(device, listen: listen)
        }
        return samples
    }
}
