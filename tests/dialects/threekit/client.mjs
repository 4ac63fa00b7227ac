// Asks with the published client what the arguments say, and prints what it got as one JSON text.
// Arguments: the server's address, the organization, the token, and a JSON list of steps: [noun, call, ...arguments].
import { getJobOutputFiles, ThreekitClient } from '@threekit/rest-api';

const [address, orgId, privateToken, steps] = process.argv.slice(2);
const client = new ThreekitClient({ privateToken, orgId, host: new URL(address).host });
const nouns = { jobs: client.jobs, tasks: client.jobs.tasks, runs: client.jobs.runs };
for (const noun of Object.values(nouns)) {
  noun.context.axios.defaults.baseURL = address; // the client itself speaks https only
}

const told = [];
for (const [noun, call, ...rest] of JSON.parse(steps)) {
  if (noun === 'files') {
    const job = await client.jobs.getById(call);
    told.push(await getJobOutputFiles(job.data));
    continue;
  }
  const answer = await nouns[noun][call](...rest);
  told.push({ status: answer.status, data: answer.data });
}
console.log(JSON.stringify(told));
