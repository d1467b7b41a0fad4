import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct ConflictTextTests {
    private static let row = """
        {"number":1,"id":"946df1709237","path":"plan.md","kind":"content","round":1843,"age_s":360,"standing":"first",
         "versions":[{"device":"aa","name":"laptop","bytes":300,"added":12,"removed":3,"age_s":360},
                     {"device":"bb","name":"desktop","bytes":280,"added":4,"removed":9,"age_s":400}]}
        """
    private static let rows = """
        \(row),
        {"number":4,"id":"0ad348249b94","path":"a\\u001b[2J/logo.png","kind":"added","round":1850,"age_s":10,
         "standing":"edited","versions":[{"name":"laptop","bytes":38000},{"name":"nas"}]},
        {"number":9,"id":"0ad348249b95","round":1851,"versions":[]}
        """

    private func list(_ rows: String, open: Int, unlisted: Int = 0) -> FakeAgent.Answer {
        json(
            """
            {"schema":"baton.conflicts/1","open":\(open),"unlisted":\(unlisted),"has_more":false,"conflicts":[\(rows)]}
            """)
    }

    @Test("M2 the table of what is open, whatever the names are and wherever the versions stand")
    func table() async throws {
        try await FakeAgent.serve([ControlCall.conflicts: list(Self.rows, open: 5, unlisted: 2)]) { agent in
            let result = await agent.run("conflicts")
            #expect(result.code == 0)
            try Golden.check("conflicts", result.out)
            let printed = await agent.run("conflicts", "--json").out
            #expect(decoded(printed, as: ConflictsReport.self)?.conflicts.count == 3)
            #expect(try SchemaReader.faults(printed, "conflicts") == [])
        }
        try await FakeAgent.serve([ControlCall.conflicts: list("", open: 0)]) { agent in
            #expect(await agent.run("conflicts").out == "no conflict is open\n")
        }
    }

    @Test("M2 one conflict: both versions, whose, how old, and the difference, harmless on a terminal")
    func show() async throws {
        let body = """
            {"schema":"baton.conflict/1","conflict":\(Self.row),"is_cut":false,
             "difference":"@@ -1 +1 @@\\n-a\\tb\\n+\\u001b[31mred\\n"}
            """
        try await FakeAgent.serve([ControlCall.conflict: json(body)]) { agent in
            let result = await agent.run("conflicts", "show", "1")
            #expect(result.code == 0)
            try Golden.check("conflict", result.out)
            #expect(try SchemaReader.faults(await agent.run("conflicts", "show", "1", "--json").out, "conflict") == [])
        }
    }

    @Test("M6 resolve sends what was chosen, a file by its whole path, and says what it came to")
    func resolve() async throws {
        let body = """
            {"number":1,"id":"946df1709237","path":"plan.md","choice":"device","name":"laptop","was_written":true,
             "was_edited":true,"also_open":[4,7],"was_closed_elsewhere":false}
            """
        try await FakeAgent.serve([ControlCall.resolve: json(body)]) { agent in
            let result = await agent.run("conflicts", "resolve", "1", "--take", "laptop")
            #expect(result.code == 0)
            try Golden.check("resolved", result.out)
            let call = agent.body(ControlCall.resolve, as: ResolveCall.self)
            #expect(call?.take == "laptop" && call?.file?.hasSuffix("/laptop") == true)
            #expect(await agent.run("conflicts", "resolve", "--take", "laptop").code == Exit.usage)
            #expect(await agent.run("conflicts", "resolve", "1", "--all", "--take", "laptop").code == Exit.usage)
        }
    }

    @Test("A5 A7 deletions and changes that run code: what is asked, and what a yes was about")
    func asked() async throws {
        var report = try Sample.status(health: "attention")
        report.deletions = [
            .init(id: "946df1709237", device: "b", name: "desktop", of_round: false, deleted: 312, files: 900)
        ]
        report.code = [".envrc"]
        report.reasons = [
            .init(code: "deletions", text: "312 of 900 files deleted on desktop", fix: "baton allow --deletions"),
            .init(code: "code", text: "changes to files that run code wait here: .envrc", fix: "baton approve"),
        ]
        let shown = report
        let allowed = """
            {"deletions":[{"id":"946df1709237","device":"bb","name":"desktop","of_round":false,"deleted":312,"files":900}]}
            """
        let waiting = """
            {"schema":"baton.approve/1","approved":[],"late":[],"waiting":[
             {"path":".envrc","is_new":true,"added":3,"removed":0},{"path":".vscode/tasks.json","is_new":false}]}
            """
        let answers: [String: FakeAgent.Answer] = [
            ControlCall.status: always(shown), ControlCall.allow: json(allowed), ControlCall.approve: json(waiting),
        ]
        try await FakeAgent.serve(answers) { agent in
            let status = await agent.run("status").out
            #expect(status.contains("baton allow --deletions") && status.contains("baton approve"))
            let told = await agent.run("allow", "--deletions").out
            #expect(told == "312 of 900 files that are gone on desktop may go, on every device\n")
            try Golden.check("approve", await agent.run("approve").out)
            #expect(try SchemaReader.faults(await agent.run("approve", "--json").out, "approve") == [])
            #expect(try SchemaReader.faults(await agent.run("status", "--json").out, "status") == [])
            #expect(await agent.run("approve", "a", "--all").code == Exit.usage)
            #expect(await agent.run("allow").code == Exit.usage)
        }
    }
}
