import { account, type Account, type AccountChange } from "./account-api.js";
import { ApiProblem } from "./problem.js";

/** Changes what one signs in with; a wrong current password is a complaint about that field. */
export async function changeCredentials(change: AccountChange): Promise<Account> {
  try {
    return await account.change(change);
  } catch (error) {
    throw aboutPassword(error, "current_password");
  }
}

/** The API refuses a wrong password like any other lack of rights. */
export function aboutPassword(error: unknown, field: string): unknown {
  const isIt = error instanceof ApiProblem && (error.code === "forbidden" || error.status === 401) && error.fields.size === 0;
  return isIt ? new ApiProblem(error.status, error.code, error.message, error.detail, new Map([[field, "This is not your password."]])) : error;
}
