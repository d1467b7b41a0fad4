import Foundation
import ScenarioFiles
import Simulation
import Synchronization
import Testing

@testable import SimulateCommand

@Suite struct ShowingTests {
    @Test func `how many run at the same time does not change what comes out`() throws {
        let study = try Study.of(small)
        func results(_ jobs: Int) -> [TraceHash] {
            StudyRunner(
                studies: [study, study], jobs: jobs, run: { Simulation.run($0) }, progress: Progress(style: .silent)
            ).results().map(\.trace)
        }
        #expect(results(1) == results(4))
    }

    @Test func `a study ends with its first failure, in the order of seeds`() throws {
        let study = try Study.of(small + "\nexpect never round-published\n")
        let ran = Mutex(0)
        let results = StudyRunner(
            studies: [study], jobs: 1,
            run: { scenario in
                ran.withLock { $0 += 1 }
                return Simulation.run(scenario)
            }, progress: Progress(style: .silent)
        ).results()
        #expect(results[0].failures.map(\.seed) == [1])
        #expect(ran.withLock { $0 } == 1)
    }

    @Test func `the page needs nothing from elsewhere and tells of the partition`() throws {
        let study = try Study.of(small)
        let run = Simulation.recorded(study.scenario(1), rows: 10_000)
        let page = TimelinePage(
            run, title: "<small>", about: "a & b", seed: 1, failure: nil, view: .seconds(1)...(.seconds(3))
        ).text
        for outside in ["http:", "https:", "src=", "@import", "url(", "fetch(", "<link"] {
            #expect(!page.contains(outside), "\(outside)")
        }
        #expect(page.contains("&lt;small&gt;") && page.contains("a &amp; b"))
        let start = try #require(page.range(of: "id=\"run\">"))
        let end = try #require(page[start.upperBound...].range(of: "</script>"))
        let data = Data(page[start.upperBound..<end.lowerBound].utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["names"] as? [String] == ["laptop", "desktop"])
        let faults = try #require(object["faults"] as? [[Any]])
        #expect(faults.count == 1 && faults[0][2] as? String == "isolate desktop for 1s")
        for lane in ["messages", "leases", "gates", "phases", "rows", "roles"] {
            #expect((object[lane] as? [Any])?.isEmpty == false, "\(lane)")
        }
        let messages = try #require(object["messages"] as? [[Int]])
        #expect(messages.contains { $0[3] < 0 }, "none was lost")
        #expect(messages.contains { $0[3] > $0[2] }, "none arrived")
    }

    @Test func `causes lead from an event to the start`() throws {
        let run = Simulation.recorded(try Study.of(small).scenario(1), rows: .max / 4)
        let published = try #require(run.rows.first { $0.text.hasSuffix(" published") })
        let chain = run.recording.causes(of: published.event, limit: 10_000)
        #expect(chain.count > 3)
        #expect(zip(chain, chain.dropFirst()).allSatisfy { $0 > $1 })
        #expect(run.recording.step(chain[chain.count - 1])?.cause == 0)
        let lines = Explanation(run, from: published.event, steps: 10_000).lines
        #expect(lines.contains { $0.contains("because") })
        #expect(lines.contains("0.000 s  the start of the run"))
    }

    @Test func `the table names the fault and the paused writers`() throws {
        let run = Simulation.recorded(try Study.of(small).scenario(1), rows: .max / 4)
        let lines = RunTable(run).lines()
        #expect(lines[0].hasPrefix("EVENT"))
        #expect(lines.contains { $0.contains("isolate") })
        #expect(lines.contains { $0.contains("paused") })
    }

    @Test func `the JSON of a run holds no time outside of its timing`() throws {
        let study = try Study.of(small)
        func json(_ wall: Int64) throws -> String {
            let results = StudyRunner(
                studies: [study], jobs: 2, run: { Simulation.run($0) }, progress: Progress(style: .silent)
            ).results()
            let text = RunSummary(results: results, elapsed: .init(wall: wall, cpuMilliseconds: wall)).json()
            let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            #expect(object["schema"] as? String == "baton.simulate/1")
            #expect((object["timing"] as? [String: Any])?["wallMilliseconds"] as? Int == Int(wall))
            return String(text.prefix { $0 != "§" }).components(separatedBy: "\"timing\"")[0]
        }
        #expect(try json(1) == json(99))
    }
}
