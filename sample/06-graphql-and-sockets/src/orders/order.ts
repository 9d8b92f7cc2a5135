import { Field, ID, ObjectType } from '@nestjs/graphql';

@ObjectType()
export class Order {
  @Field(() => ID)
  readonly id!: string;

  @Field(() => String)
  readonly item!: string;

  @Field(() => String)
  readonly orderedBy!: string;
}
