import Dispatch
import Primitives
import Simulation
import Synchronization

/// Which seeds to run and how.
struct RunPlan: Sendable {
    var firstSeed: UInt64
    var runs: Int
    var devices: Int?
    var duration: Int64
    var jobs: Int
    var plant: PlantedBug?
    var keepsGoing = false

    func scenario(_ seed: UInt64) -> Scenario {
        var scenario = Scenario.drawn(seed: seed, devices: devices, faultTime: duration)
        scenario.plant = plant
        return scenario
    }
}

/// Runs the seeds of a plan, several at a time: each is independent of the others, so the order does not matter.
struct SeedRunner: Sendable {
    let plan: RunPlan
    let showsProgress: Bool

    fileprivate struct Progress: Sendable {
        var next = 0
        var reports: [RunReport?]
        var done = 0
        /// No run beyond this one is begun.
        var stopAt: Int
    }

    /// The reports in the order of their seeds, up to and with the first that failed.
    func run() -> [RunReport] {
        let progress = Mutex(Progress(reports: Array(repeating: nil, count: plan.runs), stopAt: plan.runs))
        let watch = Stopwatch()
        DispatchQueue.concurrentPerform(iterations: min(plan.jobs, plan.runs)) { _ in
            while let number = progress.withLock({ $0.takeNext() }) {
                let report = Simulation.run(plan.scenario(plan.firstSeed &+ UInt64(number)))
                let done = progress.withLock { $0.finished(number, report, stops: !plan.keepsGoing) }
                if showsProgress { Terminal.progress(done, of: plan.runs, watch.read().wall) }
            }
        }
        if showsProgress { Terminal.clearProgress() }
        return progress.withLock { $0.reports.prefix($0.stopAt).compactMap { $0 } }
    }
}

extension SeedRunner.Progress {
    fileprivate mutating func takeNext() -> Int? {
        guard next < stopAt else { return nil }
        next += 1
        return next - 1
    }

    /// How many are done.
    fileprivate mutating func finished(_ number: Int, _ report: RunReport, stops: Bool) -> Int {
        reports[number] = report
        done += 1
        if stops, report.violation != nil { stopAt = min(stopAt, number + 1) }
        return done
    }
}
